# An Astro deployment of this project. The image is named when it is built, so that this file ties it to no version:
#
#     docker build --build-arg ASTRO_RUNTIME=<registry>/<runtime image>:<tag> .
#
# Take a tag whose Airflow is the one that requirements.txt pins and whose Python is 3.11, 3.12 or 3.13. The Astro CLI
# (`astro dev start`, `astro deploy`) passes no build arguments and reads the tag off the FROM line itself: for it, put
# the FROM line that `astro dev init` writes into a new project in place of the next two.
ARG ASTRO_RUNTIME
FROM ${ASTRO_RUNTIME}

# A runtime image installs packages.txt and requirements.txt and copies the project by itself (ONBUILD), its "-base"
# variant does not. Both are repeated here, so that both variants give the same image; done twice they change nothing.
USER root
WORKDIR /usr/local/airflow
COPY requirements.txt requirements-build.txt ./
# Wheels only: building a source distribution would run its code, and install what no lock names.
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.txt \
 && pip install --no-cache-dir --require-hashes --only-binary :all: --no-deps -r requirements-build.txt
COPY --chown=root:0 . .
# In place: registers the provider (without it the connection types are missing from the UI) and puts `include` and
# `mixpanel_aep` on the path of every Airflow process.
RUN pip install --no-cache-dir --no-deps --no-build-isolation --no-index -e . \
 && python -c "import include, mixpanel_aep" \
 && python -m compileall -q dags include plugins
# The code is root's, so that no task changes what the next one runs; the copy of a runtime image (ONBUILD) made it
# astro's. Airflow writes its configuration and logs below the same folder: the sticky bit lets astro add files, and
# neither remove nor rename root's.
RUN find . -path ./logs -prune -o -exec chown -h root:0 {} + \
 && find . -path ./logs -prune -o ! -type l -exec chmod go-w {} + \
 && chmod 1775 . && mkdir -p logs && chown astro:0 logs && chmod 775 logs
# docs/deployment.md, *Sizes*, says why.
ENV AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=1 AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS=30
USER astro
