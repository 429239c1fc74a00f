# One image for all commands: docker build -t weir:0.1.0 . && docker run --rm weir:0.1.0 --help
FROM node:24-slim
WORKDIR /weir
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY . .
# Fills the compile cache: at run time the file system is read-only, and without the cache every start would load the type stripper.
RUN for command in server controller loadtester; do node --max-semi-space-size=1 --no-sparkplug --no-maglev weir.mjs "$command" --help > /dev/null; done
USER 65532
ENTRYPOINT ["node", "--max-semi-space-size=1", "--no-sparkplug", "--no-maglev", "weir.mjs"]
