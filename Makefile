# The verbs that a person needs; each is one command that CI or you could type.

.PHONY: run test quick docs fuzz bench protocol-suites lint release release-check

run: ## the server with its page, at http://localhost:9000
	go run ./cmd/socketio-jwt serve

test: ## everything: unit, race, fuzz seeds, real clients (installs what is missing)
	./scripts/test.sh

quick: ## what needs nothing but Go
	go test ./...

docs: ## write the generated parts of the documents; the same tests without UPDATE compare them
	UPDATE=1 go test -count=1 ./internal/doctest ./metrics ./cmd/socketio-jwt -run 'Limits|Listed|DocumentLists|Reference'

fuzz: ## each fuzz target for 20 seconds
	./scripts/fuzz.sh

bench: ## side by side with other servers; about two hours on a quiet machine
	cd bench && go run .

protocol-suites: ## the official suites: Engine.IO v4 and Socket.IO v5, then both with a shared wait, and beside Engine.IO v3, against our server
	node interop/protocolsuite.mjs
	node interop/protocolsuite.mjs --shared-wait
	node interop/protocolsuite.mjs --eio3

lint: ## golangci-lint, which is built on the first run
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

release: ## archives, Debian packages, SBOMs and SHA256SUMS of the last commit, in dist/
	./scripts/release.sh

release-check: ## all of a release twice, with two build caches: the same bytes, and lintian is content; about 10 minutes
	./scripts/release-check.sh
