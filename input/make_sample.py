"""Writes train.csv and test.csv: made-up passengers, in the columns of Kaggle's Titanic files.

``python input/make_sample.py`` writes the same bytes on every machine: the only source of chance is
``random.random()``, whose numbers Python guarantees for a seed, and no value passes through a
function whose last digit depends on the platform.

The sample is made party by party, because people who travel together share a surname, a ticket, a
cabin and a port. Who survives then depends on sex, class, age, port and the size of the family.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import TypeVar

SEED = 1912
TRAIN_ROWS, TEST_ROWS = 891, 418
COLUMNS = (
    *("PassengerId", "Survived", "Pclass", "Name", "Sex", "Age"),
    *("SibSp", "Parch", "Ticket", "Fare", "Cabin", "Embarked"),
)
Row = dict[str, str]
T = TypeVar("T")

# How often each is met, relative to the others.
CLASSES = {1: 24, 2: 21, 3: 55}
PORTS = {
    1: {"S": 59, "C": 40, "Q": 1},
    2: {"S": 89, "C": 9, "Q": 2},
    3: {"S": 72, "C": 13, "Q": 15},
}
PARTIES = {  # (parents, their children, other adults)
    (0, 0, 1): 770,
    (0, 0, 2): 45,
    (0, 0, 3): 8,
    (2, 0, 0): 65,
    (2, 1, 0): 35,
    (2, 2, 0): 13,
    (2, 4, 0): 6,
    (2, 6, 0): 3,
    (1, 1, 0): 34,
    (1, 2, 0): 18,
}
TITLES = {
    "male": {"Mr": 962, "Dr": 14, "Rev": 14, "Col": 6, "Major": 4},
    "female": {"Miss": 680, "Mrs": 300, "Ms": 10, "Mlle": 10},
}

# Evenly spaced quantiles, from the lowest value to the highest.
AGES = {
    1: (15, 22, 27, 31, 36, 41, 47, 53, 61, 80),
    2: (15, 19, 23, 25, 28, 31, 34, 38, 47, 70),
    3: (14, 17, 19, 21, 23, 26, 29, 32, 40, 74),
}
CHILD_AGES = (0, 3, 6, 9, 16)
FARES = {
    1: (25, 26, 27, 30, 37, 49, 62, 80, 120),
    2: (10, 11, 13, 13, 14, 16, 25),
    3: (6, 7, 8, 8, 8, 10, 17),
}

# Probabilities.
MAN = {1: 0.68, 2: 0.74, 3: 0.79}
AGE_KNOWN = {1: 0.86, 2: 0.93, 3: 0.72}
CABIN_KNOWN = {1: 0.81, 2: 0.09, 3: 0.025}
SURVIVAL = {
    "child": {1: 0.97, 2: 0.97, 3: 0.80},
    "female": {1: 0.97, 2: 0.93, 3: 0.82},
    "male": {1: 0.32, 2: 0.08, 3: 0.16},
}
CHILDHOOD_ENDS = 14
LARGE_FAMILY, LARGE_FAMILY_FACTOR = 5, 0.25
STEERAGE_FROM_SOUTHAMPTON_FACTOR = 0.45

DECKS = {1: "ABBCCCDDE", 2: "DEFF", 3: "EFGG"}
TICKET_PREFIXES = {
    1: ("PC ", "", ""),
    2: ("C.A. ", "S.C./PARIS ", "", "", ""),
    3: ("A/5 ", "SOTON/O.Q. ", "", "", "", ""),
}
GIVEN_NAMES = {
    "male": """
        Albin Ambrose Anders Angus Barnaby Bertram Cedric Clement Conrad Cornelius Cyril Desmond
        Edgar Emil Ezra Felix Fergus Gideon Gilbert Hector Horace Ignatius Isaac Ivar Jasper Jonas
        Lars Leopold Linus Magnus Marius Miles Nils Octavius Orson Percival Rasmus Rufus Rupert
        Silas Soren Tobias Victor Wilfred
    """,
    "female": """
        Adelaide Agatha Alma Astrid Beatrix Blanche Bridget Cecilia Clara Cordelia Daphne Dora
        Edith Elsa Esther Flora Freda Greta Harriet Henrietta Ingrid Iris Ivy Josephine Lavinia
        Linnea Lydia Mabel Matilda Minnie Nora Olga Ottilia Pearl Philippa Rosalind Selma Sigrid
        Thea Ursula Viola Wilhelmina
    """,
}
SHORT_NAMES = "Bee Birdie Dot Fan Kit Lottie Nan Peg Tilly Winnie"
SURNAMES = """
    Abernathy Ainsworth Alderton Anstey Appleyard Atherley Bagshaw Barraclough Bexley Blackwood
    Bramwell Brannigan Calloway Castellane Chadbourne Cleverdon Colquitt Corrigan Crowther Dalgaard
    Darnley Delacroix Donnellan Drakeford Eastwick Ellingham Engstrom Fairweather Fenwick Finnerty
    Fitzwarren Galbraith Garrity Glanville Grimshaw Hallqvist Harcastle Hawthorne Hedlund Hollis
    Holmgren Ingleby Jarnefelt Kettlewell Kilbride Kovac Lachance Langstrom Larkspur Lindholm
    Lundgaard MacAllister Mallory Marchetti Marlowe Merriweather Montclair Mulcahy Norrgard
    Oakeshott O'Halloran O'Rourke Orlov Pemberton Penhaligon Petrakis Quennell Quigley Ravenscroft
    Redfern Rutherford Sandoval Satterfield Sheridan Stavros Stromberg Tattersall Thackeray Thorvald
    Tillotson Tremaine Underhill Vandermeer Vasilev Wainwright Westergaard Whitcombe Winterbourne
    Wolstenholme Yardley Zielinski
"""


class Dice(Random):
    """Chance, by nothing but ``random()``."""

    def happens(self, probability: float) -> bool:
        """True as often as `probability` says."""
        return self.random() < probability

    def below(self, end: int) -> int:
        """A whole number from 0 up to `end`, without it."""
        return int(self.random() * end)

    def one_of(self, items: Sequence[T]) -> T:
        """Any of the items, all alike."""
        return items[self.below(len(items))]

    def by_share(self, shares: Mapping[T, int]) -> T:
        """One of the keys, each as often as its value says."""
        return self.one_of([item for item, share in shares.items() for _ in range(share)])

    def between(self, quantiles: Sequence[float]) -> float:
        """A number spread as the evenly spaced quantiles say, with straight lines between them."""
        place, rest = divmod(self.random() * (len(quantiles) - 1), 1)
        low, high = quantiles[int(place) : int(place) + 2]
        return low + (high - low) * rest


@dataclass(frozen=True)
class Party:
    """Passengers who travel together.

    Attributes:
        pclass: 1, 2 or 3.
        surname: the same for all of them.
        parents: 2 for a couple, 1 for a mother alone, else 0.
        children: how many sons and daughters the parents bring along.
        adults: one who travels alone, or grown brothers and sisters.
        cells: those columns that are the same for all of them.
    """

    pclass: int
    surname: str
    parents: int
    children: int
    adults: int
    cells: Row


def parties(dice: Dice) -> Iterator[Party]:
    """Parties without end."""
    while True:
        pclass = dice.by_share(CLASSES)
        parents, children, adults = dice.by_share(PARTIES)
        size = parents + children + adults
        cells = {
            "Pclass": str(pclass),
            "Ticket": ticket(dice, pclass),
            "Fare": fare(dice, pclass, size),
            "Cabin": cabin(dice, pclass, size),
            "Embarked": dice.by_share(PORTS[pclass]),
        }
        yield Party(pclass, dice.one_of(SURNAMES.split()), parents, children, adults, cells)


def passengers(dice: Dice, party: Party) -> Iterator[Row]:
    """One row, still without a number, for each passenger of a party."""
    parents, children, adults = party.parents, party.children, party.adults
    husband = given_names(dice, "male")
    for sex in ("female", "male")[:parents]:
        name = f"Mr. {husband}" if sex == "male" else married_name(dice, husband)
        age = dice.between(AGES[party.pclass][1:])
        yield passenger(dice, party, name, sex, age, sibsp=parents - 1, parch=children)
    for _ in range(children):
        sex, title = dice.one_of([("male", "Master"), ("female", "Miss")])
        name = f"{title}. {given_names(dice, sex)}"
        age = dice.between(CHILD_AGES)
        yield passenger(dice, party, name, sex, age, sibsp=children - 1, parch=parents)
    for _ in range(adults):
        sex = "male" if dice.happens(MAN[party.pclass]) else "female"
        title = dice.by_share(TITLES[sex])
        name = f"{title}. {given_names(dice, sex)}"
        if title == "Mrs":
            name = married_name(dice, given_names(dice, "male"))
        age = dice.between(AGES[party.pclass])
        yield passenger(dice, party, name, sex, age, sibsp=adults - 1, parch=0)


def passenger(
    dice: Dice, party: Party, name: str, sex: str, age: float, *, sibsp: int, parch: int
) -> Row:
    """One row: what is known of a passenger, and who survives."""
    survival = SURVIVAL["child" if age < CHILDHOOD_ENDS else sex][party.pclass]
    if sibsp + parch + 1 >= LARGE_FAMILY:
        survival *= LARGE_FAMILY_FACTOR
    if party.pclass == 3 and party.cells["Embarked"] == "S":
        survival *= STEERAGE_FROM_SOUTHAMPTON_FACTOR
    return {
        **party.cells,
        "Survived": str(int(dice.happens(survival))),
        "Name": f"{party.surname}, {name}",
        "Sex": sex,
        "Age": written_age(dice, age) if dice.happens(AGE_KNOWN[party.pclass]) else "",
        "SibSp": str(sibsp),
        "Parch": str(parch),
    }


def given_names(dice: Dice, sex: str) -> str:
    """One or two given names, now and then with the short name that friends use."""
    names = [dice.one_of(GIVEN_NAMES[sex].split()) for _ in range(1 + dice.happens(0.75))]
    if sex == "female" and dice.happens(0.08):
        names.append(f'"{dice.one_of(SHORT_NAMES.split())}"')
    return " ".join(names)


def married_name(dice: Dice, husband: str) -> str:
    """A wife under her husband's given names, and her own name in parentheses."""
    return f"Mrs. {husband} ({given_names(dice, 'female')} {dice.one_of(SURNAMES.split())})"


def written_age(dice: Dice, age: float) -> str:
    """Whole years; a fraction for infants; a half where the age is an estimate."""
    if age < 1:
        return f"{round((1 + int(age * 11)) / 12, 2):g}"
    return f"{int(age) + 0.5 * dice.happens(0.03):g}"


def ticket(dice: Dice, pclass: int) -> str:
    """A number of four to six digits, at times with letters before it."""
    prefix = dice.one_of(TICKET_PREFIXES[pclass])
    start = 51000 if prefix else dice.one_of([5200, 14000, 41000, 221000, 325000])
    return f"{prefix}{start + dice.below(1900)}"


def fare(dice: Dice, pclass: int, size: int) -> str:
    """The price of the ticket for the whole party, in pounds of 240 pence."""
    pence = int(dice.between(FARES[pclass]) * 240) * (1 + size) // 2
    return f"{round(pence / 240, 4):.7g}"


def cabin(dice: Dice, pclass: int, size: int) -> str:
    """One or two cabins on one deck, or nothing where none is known."""
    if not dice.happens(CABIN_KNOWN[pclass]):
        return ""
    deck, door = dice.one_of(DECKS[pclass]), 2 + dice.below(100)
    return f"{deck}{door} {deck}{door + 2}" if size > 2 else f"{deck}{door}"


def write(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Writes a table as CSV, with the same line ends on every system."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Draws the passengers, mixes them, and blanks the few cells that Kaggle lacks too."""
    dice = Dice(SEED)
    source = (row for party in parties(dice) for row in passengers(dice, party))
    rows = sorted(islice(source, TRAIN_ROWS + TEST_ROWS), key=lambda _: dice.random())
    for number, row in enumerate(rows, start=1):
        row["PassengerId"] = str(number)
    train, test = rows[:TRAIN_ROWS], rows[TRAIN_ROWS:]
    for _ in range(2):
        dice.one_of(train)["Embarked"] = ""
    dice.one_of(test)["Fare"] = ""

    folder = Path(__file__).parent
    write(folder / "train.csv", COLUMNS, train)
    write(folder / "test.csv", [name for name in COLUMNS if name != "Survived"], test)


if __name__ == "__main__":
    main()
