package socketio_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"socketiojwt/engineio"
	"socketiojwt/socketio"
)

// newFileServer returns a handler that serves files and a server.
func newFileServer(t *testing.T, engine engineio.Options, files fstest.MapFS) http.Handler {
	t.Helper()
	srv, err := socketio.NewServer(socketio.Options{Engine: engine, ClientFiles: files})
	if err != nil {
		t.Fatal(err)
	}
	srv.Open()
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func askFile(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func unzip(t *testing.T, data []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestClientFilesAreCompressed(t *testing.T) {
	const path = "/socket.io/socket.io.js"
	content := strings.Repeat("the client ", 1000)
	files := fstest.MapFS{"socket.io.js": {Data: []byte(content)}}
	h := newFileServer(t, engineio.Options{}, files)

	plain := askFile(h, "GET", path)
	zipped := askFile(h, "GET", path, "Accept-Encoding", "br, gzip")
	if plain.Body.String() != content || plain.Header().Get("Content-Encoding") != "" {
		t.Errorf("without gzip: %d bytes, %v", plain.Body.Len(), plain.Header())
	}
	if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Body.Len() > len(content)/10 || unzip(t, zipped.Body.Bytes()) != content {
		t.Errorf("with gzip: %d bytes, %v", zipped.Body.Len(), zipped.Header())
	}
	for _, w := range []*httptest.ResponseRecorder{plain, zipped} {
		if w.Header().Get("Vary") != "Accept-Encoding" || w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
			t.Errorf("headers %v", w.Header())
		}
	}
	plainTag, zippedTag := plain.Header().Get("ETag"), zipped.Header().Get("ETag")
	if plainTag == zippedTag {
		t.Errorf("both encodings have the ETag %s", plainTag)
	}
	for _, tc := range []struct {
		name    string
		method  string
		headers []string
		status  int
		coding  string
		length  int
	}{
		{"gzip refused", "GET", []string{"Accept-Encoding", "gzip;q=0"}, 200, "", len(content)},
		{"known in gzip", "GET", []string{"Accept-Encoding", "gzip", "If-None-Match", zippedTag}, 304, "", 0},
		{"known as it is, asked for in gzip", "GET", []string{"Accept-Encoding", "gzip", "If-None-Match", plainTag}, 200, "gzip", zipped.Body.Len()},
		{"known in gzip, asked for as it is", "GET", []string{"If-None-Match", zippedTag}, 200, "", len(content)},
		{"HEAD in gzip", "HEAD", []string{"Accept-Encoding", "gzip"}, 200, "gzip", 0},
		{"a range", "GET", []string{"Accept-Encoding", "gzip", "Range", "bytes=0-9"}, 206, "", 10},
		{"the rest of one in gzip", "GET", []string{"Accept-Encoding", "gzip", "Range", "bytes=5-", "If-Range", zippedTag}, 200, "", len(content)},
		{"a range beyond the end", "GET", []string{"Accept-Encoding", "gzip", "Range", "bytes=999999-"}, 416, "", -1},
		{"another version wanted", "GET", []string{"Accept-Encoding", "gzip", "If-Match", `"other"`}, 412, "gzip", 0},
	} {
		w := askFile(h, tc.method, path, tc.headers...)
		if w.Code != tc.status || w.Header().Get("Content-Encoding") != tc.coding || tc.length >= 0 && w.Body.Len() != tc.length {
			t.Errorf("%s: %d with %d bytes, %v", tc.name, w.Code, w.Body.Len(), w.Header())
		}
	}

	// Many concurrent requests, and then another version of the file.
	var done sync.WaitGroup
	for range 20 {
		done.Go(func() {
			if w := askFile(h, "GET", path, "Accept-Encoding", "gzip"); !bytes.Equal(w.Body.Bytes(), zipped.Body.Bytes()) {
				t.Errorf("%d bytes", w.Body.Len())
			}
		})
	}
	done.Wait()
	files["socket.io.js"].Data = []byte("version 2")
	if w := askFile(h, "GET", path, "Accept-Encoding", "gzip"); unzip(t, w.Body.Bytes()) != "version 2" || w.Header().Get("ETag") == zippedTag {
		t.Errorf("another version: %q %v", unzip(t, w.Body.Bytes()), w.Header())
	}
}

// A page of an allowed origin may import the client as a module, for which browsers require
// CORS headers. A script element needs none, on any page.
func TestClientFilesForPagesOfOtherOrigins(t *testing.T) {
	files := fstest.MapFS{"socket.io.esm.min.js": {Data: []byte("export {}")}}
	listed := newFileServer(t, engineio.Options{Origins: []string{"https://app.example"}, CORS: engineio.CORS{Credentials: true}}, files)
	anyOrigin := newFileServer(t, engineio.Options{InsecureAnyOrigin: true}, files)
	none := newFileServer(t, engineio.Options{}, files)
	for _, tc := range []struct {
		name          string
		server        http.Handler
		path, origin  string
		status        int
		allow, vary   string
		credentialsOK string
	}{
		{"listed", listed, "socket.io.esm.min.js", "https://app.example", 200, "https://app.example", "Origin, Accept-Encoding", "true"},
		{"listed, missing file", listed, "socket.io.js", "https://app.example", 404, "https://app.example", "Origin", "true"},
		{"not listed", listed, "socket.io.esm.min.js", "https://evil.example", 200, "", "Origin, Accept-Encoding", ""},
		{"no origin", listed, "socket.io.esm.min.js", "", 200, "", "Origin, Accept-Encoding", ""},
		{"any", anyOrigin, "socket.io.esm.min.js", "https://evil.example", 200, "*", "Accept-Encoding", ""},
		{"none", none, "socket.io.esm.min.js", "https://app.example", 200, "", "Accept-Encoding", ""},
	} {
		var headers []string
		if tc.origin != "" {
			headers = []string{"Origin", tc.origin}
		}
		w := askFile(tc.server, "GET", "/socket.io/"+tc.path, headers...)
		h := w.Header()
		if w.Code != tc.status || h.Get("Access-Control-Allow-Origin") != tc.allow || strings.Join(h.Values("Vary"), ", ") != tc.vary || h.Get("Access-Control-Allow-Credentials") != tc.credentialsOK {
			t.Errorf("%s: %d %v", tc.name, w.Code, h)
		}
	}
}

// Both spellings of the path are served, by the handler itself and by an http.ServeMux that has
// it under both.
func TestPathWithoutItsLastSlash(t *testing.T) {
	h := newFileServer(t, engineio.Options{}, fstest.MapFS{"socket.io.js": {Data: []byte("client")}})
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", h)
	mux.Handle("/socket.io", h)
	for name, server := range map[string]http.Handler{"handler": h, "mux": mux} {
		for path, want := range map[string]int{
			"/socket.io/?EIO=4&transport=polling": 200,
			"/socket.io?EIO=4&transport=polling":  200,
			"/socket.io/socket.io.js":             200,
			"/socket.ios?EIO=4&transport=polling": 404,
		} {
			if w := askFile(server, "GET", path); w.Code != want {
				t.Errorf("%s: %s: %d, want %d", name, path, w.Code, want)
			}
		}
		if w := askFile(server, "POST", "/socket.io?EIO=4&transport=polling&sid=x"); w.Code != 400 || !strings.Contains(w.Body.String(), "Session ID unknown") {
			t.Errorf("%s: POST: %d %q", name, w.Code, w.Body)
		}
	}
}
