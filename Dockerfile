# An Astro deployment of this project. The base image is a build argument, so that this file fixes no version:
#
#     docker build --build-arg ASTRO_RUNTIME=<registry>/<runtime image>:<tag> .
#
# Use a tag whose Airflow is the one that requirements.txt pins and whose Python is 3.11, 3.12 or 3.13. The Astro CLI
# (`astro dev start`, `astro deploy`) passes no build arguments and reads the tag from the FROM line itself: for the CLI,
# replace the next two lines by the FROM line that `astro dev init` writes into a new project.
ARG ASTRO_RUNTIME
FROM ${ASTRO_RUNTIME}

# A runtime image installs packages.txt and requirements.txt and copies the project automatically (ONBUILD); its "-base"
# variant does not. Both steps are repeated here, so that both variants produce the same image; a repetition has no effect.
USER root
WORKDIR /usr/local/airflow
COPY requirements.txt requirements-build.txt ./
# Wheels only: building a source distribution would run its code, and install packages that are in no lock.
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.txt \
 && pip install --no-cache-dir --require-hashes --only-binary :all: --no-deps -r requirements-build.txt
COPY --chown=root:0 . .
# Editable: registers the provider (without it the connection types are missing from the UI) and puts `include` and
# `mixpanel_aep` on the path of every Airflow process.
RUN pip install --no-cache-dir --no-deps --no-build-isolation --no-index -e . \
 && python -c "import include, mixpanel_aep" \
 && python -m compileall -q dags include plugins
# root owns the code, so that no task can change the code of the next one; the copy of a runtime image (ONBUILD) belongs
# to astro. Airflow writes its configuration and logs to the same folder: the sticky bit lets astro add files, but not
# remove or rename root's.
RUN find . -path ./logs -prune -o -exec chown -h root:0 {} + \
 && find . -path ./logs -prune -o ! -type l -exec chmod go-w {} + \
 && chmod 1775 . && mkdir -p logs && chown astro:0 logs && chmod 775 logs
# The reasons are in docs/deployment.md, *Sizes*.
ENV AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=1 AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS=30 \
    AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE=500 AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY=0
USER astro
