#!/usr/bin/env bash
# Installs what building Keel needs, and unpacks the pinned LibTorch, the gloo
# headers and the BPE merges into a cache folder; Python programs get a private
# environment there. Says what it does; quiet when all is there. Safe to run
# again after a break.
#
#   deploy/setup.sh [build] [demo] [prometheus] [docs] [client] [parity] [sanitizers]
#     default: build
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/versions.sh
. "$here/versions.sh"
cache=${KEEL_CACHE:-$HOME/.cache/keel}

say() { echo "setup: $*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {  # LIST-NAME
  local wanted missing=()
  wanted=$(grep -vE '^\s*(#|$)' "$here/packages/$1.txt")
  for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${#missing[@]} Debian packages ($1): ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends "${missing[@]}" >/dev/null
}

unpack_wheels() {
  local stamp=$cache/libtorch-$KEEL_TORCH_VERSION/.complete
  local digest
  digest=$(echo "$KEEL_WHEELS" | sha256sum | cut -d' ' -f1)
  [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ] && return 0
  mkdir -p "$cache/downloads" "$cache/libtorch-$KEEL_TORCH_VERSION" "$cache/open_clip-3.3.0"
  local name file sha
  while read -r name file sha; do
    [ -n "$name" ] || continue
    say "fetching $file"
    python3 "$here/fetch_wheel.py" "${name%%==*}" "$file" "$sha" "$cache/downloads/$file"
    case $name in
      open_clip_torch*)
        unzip -q -o -j "$cache/downloads/$file" 'open_clip/bpe_simple_vocab_16e6.txt.gz' \
          -d "$cache/open_clip-3.3.0" ;;
      torch*)
        say "unpacking LibTorch $KEEL_TORCH_VERSION"
        unzip -q -o "$cache/downloads/$file" 'torch/lib/*' 'torch/include/*' 'torch/share/*' \
          -d "$cache/libtorch-$KEEL_TORCH_VERSION" ;;
      *)
        unzip -q -o "$cache/downloads/$file" -d "$cache/libtorch-$KEEL_TORCH_VERSION" ;;
    esac
    rm -f "$cache/downloads/$file"
  done <<<"$KEEL_WHEELS"
  echo "$digest" >"$stamp"
}

unpack_gloo_headers() {
  [ -e "$cache/gloo/.complete" ] && return 0
  say "fetching the gloo headers ($KEEL_GLOO_PACKAGE)"
  local folder
  folder=$(mktemp -d)
  (cd "$folder" && apt-get download -qq "$KEEL_GLOO_PACKAGE" 2>/dev/null ||
   (as_root apt-get update -qq && cd "$folder" && apt-get download -qq "$KEEL_GLOO_PACKAGE"))
  mkdir -p "$cache/gloo"
  dpkg-deb -x "$folder"/libgloo-dev_*.deb "$cache/gloo"
  rm -rf "$folder"
  touch "$cache/gloo/.complete"
}

python_environment() {  # NAME REQUIREMENTS-FILE: makes $cache/NAME-venv
  local venv=$cache/$1-venv wanted
  wanted=$(sha256sum "$here/../$2" | cut -d' ' -f1)
  [ "$(cat "$venv/.complete" 2>/dev/null)" = "$wanted" ] && return 0
  say "installing the Python packages of $2 into $venv"
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check --only-binary=:all: -r "$here/../$2"
  echo "$wanted" >"$venv/.complete"
}

# The sources of the Abseil that is installed, for cmake/KeelTsan.cmake.
unpack_abseil_sources() {
  local version folder
  version=$(dpkg-query -W -f='${source:Version}' libabsl-dev)
  [ "$(cat "$cache/abseil-src/.version" 2>/dev/null)" = "$version" ] && return 0
  say "fetching the sources of abseil $version"
  folder=$(mktemp -d)
  mkdir -p "$folder/lists/partial"
  apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' | sort -u |
    awk '$1 ~ /debian/ && $2 ~ /^bookworm/ {
      print "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]", $0, "main" }' \
    >"$folder/sources.list"
  local options=(-o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=-
                 -o "Dir::State::Lists=$folder/lists" -o APT::Sandbox::User=root)
  as_root apt-get "${options[@]}" update -qq
  (cd "$folder" && as_root apt-get "${options[@]}" source -qq --download-only "abseil=$version" &&
   dpkg-source --no-check -x abseil_*.dsc src >/dev/null)
  rm -rf "$cache/abseil-src"
  mv "$folder/src" "$cache/abseil-src"
  echo "$version" >"$cache/abseil-src/.version"
  as_root rm -rf "$folder"
}

for part in "${@:-build}"; do
  case $part in
    build)
      install_packages build
      unpack_wheels
      unpack_gloo_headers ;;
    sanitizers)
      install_packages sanitizers
      unpack_abseil_sources ;;
    client) python_environment client docs/examples/requirements.txt ;;
    parity) python_environment parity tests/parity/requirements.txt ;;
    *) install_packages "$part" ;;
  esac
done
