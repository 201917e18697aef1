FROM python:3.12-slim

# git: a run records the state of the project's checkout.
RUN apt-get update \
    && apt-get install -y --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 runner \
    && install -d -o runner -g runner /project \
    # Whoever owns the mounted folder may be named as the user, and needs a home.
    && chmod 1777 /home/runner

WORKDIR /app
COPY pyproject.toml constraints.txt LICENSE ./
COPY src/runner src/runner
RUN pip install --no-cache-dir --disable-pip-version-check -c constraints.txt ".[demo]"

# The project is mounted, not copied: its database and artifacts outlive the container.
USER runner
WORKDIR /project
# No bytecode is left in the mounted folder, and output is seen as it comes.
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/home/runner LOGNAME=runner
ENTRYPOINT ["python", "-m", "runner"]
