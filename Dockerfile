# One image with all programs: identity, organization, client-directory, messaging, gateway, and
# clientele, the operator's command line. docker-compose.yml says which container runs which.

FROM swift:6.3-bookworm AS build
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    libargon2-dev libcrack2-dev libcurl4-openssl-dev libidn2-dev libnghttp2-dev libpq-dev \
    libprotobuf-c-dev pkg-config zlib1g-dev \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# The dependencies first: they change seldom, and their layer is kept.
COPY Package.* ./
RUN swift package resolve
COPY Sources Sources
COPY Tests Tests
COPY services services
COPY tools/fuzz tools/fuzz
RUN set -e; \
  for product in identity organization client-directory messaging gateway clientele; do \
    swift build --configuration release --product "$product"; \
  done
# What runs: the programs, the parts of Swift's runtime they name, the migrations.
RUN set -e; \
  bin="$(swift build --configuration release --show-bin-path)"; \
  mkdir -p /out/bin /out/lib /out/services; \
  for product in identity organization client-directory messaging gateway clientele; do \
    install -s "$bin/$product" /out/bin/; \
    ldd "$bin/$product" | awk '$3 ~ "^/usr/lib/swift/" { print $3 }'; \
  done | sort -u | xargs -I '{}' cp '{}' /out/lib/; \
  find "$bin" -maxdepth 1 -name '*.resources' -exec cp -r '{}' /out/bin/ ';'; \
  for folder in services/*/migrations; do \
    mkdir -p "/out/${folder%/migrations}"; cp -r "$folder" "/out/$folder"; \
  done

FROM debian:bookworm-slim
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    ca-certificates cracklib-runtime libargon2-1 libcrack2 libcurl4 libidn2-0 libnghttp2-14 libpq5 \
    libprotobuf-c1 openssl tzdata zlib1g \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system --uid 10001 --user-group --home-dir /srv/clientele --shell /usr/sbin/nologin \
    clientele \
  && for name in authority identity organization client-directory messaging gateway operator \
    postgres; do install -d -o clientele -g clientele -m 0700 "/keys/$name"; done \
  && install -d -o clientele -g clientele -m 0700 /audit /field-secrets
COPY --from=build /out/lib/ /usr/lib/swift/linux/
COPY --from=build /out/bin/ /usr/local/bin/
COPY --from=build /out/services/ /srv/clientele/services/
COPY scripts/pki.sh /srv/clientele/scripts/
COPY deploy/share-keys.sh /srv/clientele/deploy/
WORKDIR /srv/clientele
USER clientele
CMD ["clientele", "--help"]
