#!/usr/bin/env bash
# Build the libraries of a wheel: static, position independent, and of each
# only what sgostream uses.  Runs in manylinux, musllinux, on Debian, on macOS.
#
#   packaging/build_deps.sh [PREFIX]            default: build/deps
#
# SOURCES=folder  archives NAME-VERSION.tar.gz (or NAME_VERSION.orig.tar.gz, as
#                 Debian's source packages have them) instead of downloads
# ALLOW_REPACKED=1 goes on with an archive of another checksum, as Debian's of
#                 zlib, which lacks files; for trying, not for a release
# JOBS=n
#
# Each library's licence and what was built from goes to PREFIX/share/sgostream;
# packaging/finish_wheel.py puts both into the wheel.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:-$here/../build/deps}
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
work=$prefix/work
share=$prefix/share/sgostream
jobs=${JOBS:-$(nproc 2>/dev/null || sysctl -n hw.ncpu)}
mkdir -p "$work" "$share"
log=$prefix/build.log
: >"$log"

# Nothing of ours is to be seen from outside; what is not called is dropped.
export CFLAGS="-O2 -fPIC -fvisibility=hidden -ffunction-sections \
-fdata-sections -fstack-protector-strong -D_FORTIFY_SOURCE=2 ${CFLAGS:-}"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig

checksum() { (sha256sum "$1" 2>/dev/null || shasum -a 256 "$1") | cut -d' ' -f1; }

quietly() { "$@" >>"$log" 2>&1 || { tail -n 40 "$log"; echo "failed: $*"; exit 1; }; }

# unpack NAME: find or fetch its archive, check it, leave the sources in $src
unpack() {
    local name=$1 found version licence wanted address archive
    found=$(grep "^$name " "$here/sources.txt")
    read -r _ version licence wanted address <<<"$found"
    archive=$work/$name-$version.tar.gz
    if [ -n "${SOURCES:-}" ]; then
        for candidate in "$SOURCES/$name-$version.tar.gz" \
            "$SOURCES/${name}_$version".orig.tar.gz \
            "$SOURCES/${name}_"*"$version".orig.tar.gz; do
            if [ -f "$candidate" ]; then cp "$candidate" "$archive"; break; fi
        done
        [ -f "$archive" ] || { echo "no archive of $name $version in $SOURCES"; exit 1; }
    elif [ ! -f "$archive" ]; then
        curl -fsSL --retry 3 -o "$archive.part" "$address"
        mv "$archive.part" "$archive"
    fi
    local is
    is=$(checksum "$archive")
    if [ "$wanted" != "$is" ]; then
        echo "  $name $version: sha256 $is instead of $wanted"
        [ "${ALLOW_REPACKED:-}" = 1 ] || exit 1
    fi
    src=$work/$name
    rm -rf "$src"
    mkdir "$src"
    tar xzf "$archive" -C "$src" --strip-components 1
    mkdir -p "$share/$name"
    for file in "$src"/LICENSE* "$src"/COPYING "$src"/AUTHORS; do
        if [ -f "$file" ] && [ "${file##*/}" != AUTHORS ]; then cp "$file" "$share/$name/"; fi
    done
    if ! ls "$share/$name"/* >/dev/null 2>&1; then # zlib's is in its README
        cp "$src/README" "$share/$name/LICENSE"
    fi
    echo "$name $version $licence $is $address" >"$share/$name.txt"
    echo "  $name $version" && echo "=== $name $version" >>"$log"
}

build_zlib() {
    unpack zlib
    (cd "$src" && quietly ./configure --static --prefix="$prefix" &&
        quietly make -j"$jobs" libz.a && quietly make install)
}

build_libdeflate() {
    unpack libdeflate
    quietly "$cmake" -S "$src" -B "$src/build" "${cmake_options[@]}" \
        -DLIBDEFLATE_BUILD_SHARED_LIB=OFF -DLIBDEFLATE_BUILD_GZIP=OFF \
        -DLIBDEFLATE_COMPRESSION_SUPPORT=OFF
    quietly "$cmake" --build "$src/build" -j "$jobs" --target install
}

# TLS 1.2 and 1.3 with what the web uses; certificates; nothing to configure.
build_openssl() {
    unpack openssl
    (cd "$src" && quietly ./Configure --prefix="$prefix" --libdir=lib \
        --openssldir=/etc/ssl no-shared no-pinshared no-module no-dso no-apps \
        no-tests no-docs no-legacy no-autoload-config no-engine no-comp \
        no-ssl3 no-tls1 no-tls1_1 no-dtls no-quic no-sctp no-srp no-psk \
        no-srtp no-ct no-cms no-ts no-cmp no-rfc3779 no-gost \
        no-aria no-bf no-blake2 no-camellia no-cast no-des no-dsa no-idea \
        no-md4 no-mdc2 no-ocb no-rc2 no-rc4 no-rmd160 no-scrypt no-seed \
        no-siphash no-siv no-sm2 no-sm3 no-sm4 no-whirlpool no-argon2 \
        no-ec2m no-ml-dsa no-slh-dsa no-ssl-trace no-ui-console \
        no-unit-test no-http no-uplink $CFLAGS &&
        quietly make -j"$jobs" build_libs && quietly make install_dev)
}

build_nghttp2() {
    unpack nghttp2
    quietly "$cmake" -S "$src" -B "$src/build" "${cmake_options[@]}" \
        -DENABLE_LIB_ONLY=ON -DBUILD_SHARED_LIBS=OFF -DBUILD_STATIC_LIBS=ON \
        -DENABLE_DOC=OFF -DBUILD_TESTING=OFF
    quietly "$cmake" --build "$src/build" -j "$jobs" --target install
}

# http and https with HTTP/2, gzip and proxies; names are resolved by us.
build_curl() {
    unpack curl
    (cd "$src" && quietly ./configure --prefix="$prefix" --disable-shared \
        --enable-static --with-openssl="$prefix" --with-nghttp2="$prefix" \
        --with-zlib="$prefix" --without-brotli --without-zstd \
        --without-libpsl --without-libidn2 --without-librtmp \
        --without-libssh2 --without-libgsasl --without-ca-bundle \
        --without-ca-path --disable-ftp --disable-file --disable-ipfs \
        --disable-ldap --disable-ldaps --disable-rtsp --disable-dict \
        --disable-telnet --disable-tftp --disable-pop3 --disable-imap \
        --disable-smb --disable-smtp --disable-gopher --disable-mqtt \
        --disable-websockets --disable-manual --disable-docs --disable-ntlm \
        --disable-tls-srp --disable-aws --disable-negotiate-auth \
        --disable-kerberos-auth --disable-bearer-auth --disable-digest-auth \
        --disable-unix-sockets --disable-cookies --disable-mime \
        --disable-form-api --disable-doh --disable-hsts --disable-alt-svc \
        --disable-netrc --disable-headers-api --disable-libcurl-option \
        --disable-progress-meter --disable-dateparse --disable-ech \
        --disable-get-easy-options --disable-sspi --disable-threaded-resolver &&
        quietly make -C lib -j"$jobs" && quietly make -C lib install &&
        quietly make -C include install && quietly make install-pkgconfigDATA)
}

build_cjson() {
    unpack cjson
    quietly "$cmake" -S "$src" -B "$src/build" "${cmake_options[@]}" \
        -DBUILD_SHARED_LIBS=OFF -DENABLE_CJSON_TEST=OFF \
        -DENABLE_CJSON_UTILS=OFF -DENABLE_CUSTOM_COMPILER_FLAGS=OFF
    quietly "$cmake" --build "$src/build" -j "$jobs" --target install
}

# A WebSocket client; HTTP CONNECT through a proxy; descriptors of ours.
build_libwebsockets() {
    unpack libwebsockets
    quietly "$cmake" -S "$src" -B "$src/build" "${cmake_options[@]}" \
        -DLWS_WITH_SHARED=OFF -DLWS_WITH_STATIC=ON -DLWS_STATIC_PIC=ON \
        -DLWS_WITHOUT_TESTAPPS=ON -DLWS_WITH_MINIMAL_EXAMPLES=OFF \
        -DLWS_WITHOUT_EXTENSIONS=ON -DLWS_WITH_HTTP2=OFF -DLWS_IPV6=ON \
        -DLWS_UNIX_SOCK=OFF -DLWS_WITHOUT_SERVER=ON -DLWS_WITH_CONMON=OFF \
        -DLWS_WITH_SSL=ON -DLWS_OPENSSL_INCLUDE_DIRS="$prefix/include" \
        -DLWS_OPENSSL_LIBRARIES="$prefix/lib/libssl.a;$prefix/lib/libcrypto.a" \
        -DLWS_WITH_SYS_STATE=OFF -DLWS_WITH_SYS_SMD=OFF \
        -DLWS_WITH_UPNG=OFF -DLWS_WITH_GZINFLATE=OFF -DLWS_WITH_JPEG=OFF \
        -DLWS_WITH_LHP=OFF -DLWS_WITH_LEJP=OFF -DLWS_WITH_CBOR=OFF \
        -DLWS_WITH_SECURE_STREAMS=OFF -DLWS_WITH_LWSAC=OFF \
        -DLWS_WITH_DIR=OFF -DLWS_HAVE_LIBCAP=OFF -DLWS_LOGS_TIMESTAMP=OFF -DDISABLE_WERROR=ON
    quietly "$cmake" --build "$src/build" -j "$jobs" --target websockets
    quietly "$cmake" --install "$src/build"
}

cmake=$(command -v cmake || true)
if [ -z "$cmake" ]; then
    quietly python3 -m venv "$work/venv"
    quietly "$work/venv/bin/pip" install "cmake<4.3"
    cmake=$work/venv/bin/cmake
fi
cmake_options=(-DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_POSITION_INDEPENDENT_CODE=ON
    -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_POLICY_VERSION_MINIMUM=3.5)

echo "libraries into $prefix"
for name in zlib libdeflate openssl nghttp2 curl cjson libwebsockets; do
    if [ "$(cat "$share/$name.done" 2>/dev/null)" != "$(grep "^$name " "$here/sources.txt")" ]; then
        "build_$name"
        rm -rf "${work:?}/$name"
        grep "^$name " "$here/sources.txt" >"$share/$name.done"
    fi
done
