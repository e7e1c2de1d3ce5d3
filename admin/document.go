package admin

import (
	_ "embed"
	"net/http"
)

// document is the OpenAPI 3.1 document of the API.
//
//go:embed openapi.json
var document []byte

func serveDocument(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document) // the client may have gone
}
