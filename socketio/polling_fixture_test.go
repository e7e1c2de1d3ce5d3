package socketio_test

import (
	"io"
	"maps"
	"net/http"
	"strings"
)

// pollingSession opens a session by long-polling. It returns the path of its further requests.
func (f *fixture) pollingSession() string {
	f.t.Helper()
	const path = "/socket.io/?EIO=4&transport=polling"
	return path + "&sid=" + sidIn(f.poll(path))
}

// poll and post send a peer's long-polling requests.
func (f *fixture) poll(path string) string { return f.request(http.MethodGet, path, nil) }

func (f *fixture) post(path, body string) { f.request(http.MethodPost, path, strings.NewReader(body)) }

func (f *fixture) request(method, path string, body io.Reader) string {
	f.t.Helper()
	_, text := f.roundTrip(method, path, body)
	return text
}

func (f *fixture) status(path string) int {
	f.t.Helper()
	status, _ := f.roundTrip(http.MethodGet, path, nil)
	return status
}

func (f *fixture) roundTrip(method, path string, body io.Reader) (status int, text string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.ctx, method, "http://server"+path, body)
	if err != nil {
		f.t.Fatal(err)
	}
	maps.Copy(r.Header, f.header)
	transport := &http.Transport{DialContext: f.in.Dial, DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return response.StatusCode, string(got)
}
