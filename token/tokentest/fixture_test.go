package tokentest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"socketiojwt/internal/leaktest"
	"socketiojwt/token/tokentest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// get requests an address and returns the response with its body.
func get(t *testing.T, client *http.Client, address, etag string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// keySet returns the JWKs that the issuer publishes now.
func keySet(t *testing.T, issuer *tokentest.Issuer) []map[string]any {
	t.Helper()
	_, body := get(t, issuer.Client(), issuer.JWKSURL(), "")
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(body), &set); err != nil || set.Keys == nil {
		t.Fatalf("%v: %s", err, body)
	}
	return set.Keys
}

func keyIDs(t *testing.T, issuer *tokentest.Issuer) []string {
	t.Helper()
	var ids []string
	for _, key := range keySet(t, issuer) {
		id, _ := key["kid"].(string)
		ids = append(ids, id)
	}
	return ids
}
