"""Pictures of how good predictions are, as PNG files; the same predictions give the same bytes."""

from pathlib import Path
from typing import Any

import numpy as np
from pandas import Series
from sklearn import metrics

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#767676"  # colour-blind people tell them apart too


def roc_curve(survived: Series, probability: Series, path: Path) -> None:
    """Draws how much each threshold finds of the survivors, and how much it errs on the dead."""
    mistaken, found, _ = metrics.roc_curve(survived, probability)
    area = metrics.roc_auc_score(survived, probability)
    decided = (probability >= 0.5).groupby(survived).mean()

    figure, axes = empty("ROC curve, cross-validated")
    axes.fill_between(mistaken, found, color=BLUE, alpha=0.08, linewidth=0)
    axes.plot(mistaken, found, color=BLUE, linewidth=2, label=f"the model, AUC {area:.3f}")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="chance, AUC 0.5")
    axes.plot(decided[0], decided[1], "o", color=ORANGE, markersize=8, label="threshold 0.5")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set(xlabel="false positive rate: of the dead, said to survive")
    axes.set(ylabel="true positive rate: of the survivors, found")
    axes.grid(color="#e6e6e6")
    axes.tick_params(length=0)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path)


def confusion_matrix(survived: Series, predicted: Series, path: Path) -> None:
    """Draws how many of the dead and of the survivors were predicted right, and how many wrong."""
    counts = metrics.confusion_matrix(survived, predicted)
    shares = counts / counts.sum(axis=1, keepdims=True)

    figure, axes = empty("Confusion matrix, cross-validated")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        ink = "white" if share > 0.7 else "black"
        place = {"x": column, "ha": "center", "color": ink}
        axes.text(y=row, s=f"{counts[row, column]:,}", va="bottom", fontsize=22, **place)
        axes.text(y=row + 0.06, s=f"{share:.0%} of the row", va="top", **place)
    axes.set_xticks([0, 1], ["died", "survived"])
    axes.set_yticks([0, 1], ["died", "survived"], rotation=90, va="center")
    axes.set(xlabel="predicted", ylabel="actual")
    axes.tick_params(length=0)
    figure.savefig(path)


def empty(title: str) -> tuple[Any, Any]:
    """A figure, and its axes to draw on."""
    from matplotlib.figure import Figure  # half a second, which only drawing should cost

    figure = Figure(figsize=(5.6, 5.2), dpi=160, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", pad=12, fontweight="bold")
    axes.spines[:].set_visible(False)
    return figure, axes
