#!/usr/bin/env bash
# Builds an image with buildah alone, as root, without a container engine or an image registry.
# Debian bookworm with its own Python 3.11 replaces the official Python image: debootstrap creates it,
# and it is tagged with the name in the Dockerfile.
#
#   infra/docker/build-without-engine.sh cpu captionflow-python:0.1.0 [any option of buildah bud]
#
# STORAGE (default build/images) is the folder of all images. DRIVER (default vfs) is the storage
# driver: vfs works everywhere but copies the whole image at each step; overlay needs kernel support.
set -euo pipefail
target=${1:?the target: cpu or gpu} tag=${2:?the name of the image}
shift 2

cd "$(dirname "$0")/../.."
storage=$(realpath --canonicalize-missing "${STORAGE:-build/images}")
mkdir -p "$storage/tmp"
export TMPDIR=$storage/tmp BUILDAH_ISOLATION=chroot
buildah=(buildah --storage-driver "${DRIVER:-vfs}" --root "$storage/root" --runroot "$storage/run")
base=docker.io/library/python:$(sed -n 's/^ARG PYTHON=//p' infra/docker/Dockerfile)

if ! "${buildah[@]}" inspect --type image "$base" > /dev/null 2>&1; then
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
        bookworm "$storage/debian"
    rm -rf "$storage/debian"/var/cache/apt/* "$storage/debian"/var/lib/apt/lists/*
    container=$("${buildah[@]}" from scratch)
    "${buildah[@]}" copy --quiet "$container" "$storage/debian" /
    "${buildah[@]}" config --env PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    "${buildah[@]}" commit --quiet --rm "$container" "$base"
    rm -rf "$storage/debian"
fi

# `docker`: the OCI format has no HEALTHCHECK.
"${buildah[@]}" bud --format docker --layers --pull-never --network host \
    --file infra/docker/Dockerfile --target "$target" --tag "$tag" "$@" .
