# likewise serve as an ordinary user; the root file system may be read-only. TORCH_INDEX is the address of PyTorch's CPU
# builds (pytorch.org, "Get started", CPU): without it torch brings 4 GB of CUDA libraries.
#   docker build --build-arg TORCH_INDEX=ADDRESS -t likewise .
#   docker run -p 127.0.0.1:8000:8000 -v ./data:/data likewise /data/photos.index --host 0.0.0.0
# The container runs as user 10001, which must be able to write the folder: sudo chown -R 10001 data
# A server that other machines reach needs a key:
#   docker run -v ./data:/data --entrypoint likewise likewise keys new NAME --role admin
FROM python:3.12-slim AS build
ARG TORCH_INDEX=""
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"} torch torchvision \
 && /venv/bin/pip install --no-cache-dir ".[serve]"

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home likewise && mkdir /data && chown likewise /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH LIKEWISE_KEYS=/data/keys.json HF_HOME=/data/huggingface XDG_CACHE_HOME=/data/.cache MPLCONFIGDIR=/data/.cache/matplotlib \
    PYTHONUNBUFFERED=1
USER likewise
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --start-period=60s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz')"]
ENTRYPOINT ["likewise", "serve"]
CMD ["/data/photos.index", "--host", "0.0.0.0"]
