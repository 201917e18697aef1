FROM python:3.12-slim

# git: a run records the state of the project's checkout. It has no version here, because Debian's
# mirrors keep only the newest one: with another the image could soon not be built.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --user-group --uid 1000 runner \
    && install -d -o runner -g runner /project \
    # Whoever owns the mounted folder may be named as the user, and needs a home.
    && chmod 1777 /home/runner

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src/runner src/runner
RUN pip install --no-cache-dir --disable-pip-version-check -c constraints.txt ".[demo]"

# The project is mounted, not copied: its database and artifacts outlive the container.
USER 1000:1000
WORKDIR /project
# No bytecode is left in the mounted folder, and output is seen as it comes.
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/home/runner LOGNAME=runner
ENTRYPOINT ["python", "-m", "runner"]
