package mounting

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// newHandler returns a server that answers the event "value" with the context's value of
// key.
func newHandler(t *testing.T, opts socketio.Options, key any) http.Handler {
	t.Helper()
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	srv, err := socketio.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	srv.Open().Handle("value", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, _ struct{}) (any, error) {
		return ctx.Value(key), nil
	}))
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// ask returns the answer to the event "value" by WebSocket.
func ask(t *testing.T, url, path string) (answer string) {
	t.Helper()
	return askAfter(t, url, path, func() {})
}

// askAfter calls wait between the connection and the event of ask.
func askAfter(t *testing.T, url, path string, wait func()) (answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	peer, err := sockettest.Dial(ctx, url, sockettest.Options{Path: path})
	if err != nil {
		t.Fatalf("by WebSocket at %s: %v", path, err)
	}
	defer func() { _ = peer.Close() }()
	wait()
	args, err := peer.EmitWithAck(ctx, "value")
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := args.Scan(&value); err != nil {
		t.Fatal(err)
	}
	answer, _ = value.(string)
	return answer
}

// poll makes a request by long-polling, and returns the body of its response.
func poll(t *testing.T, method, url, body string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		r.Body = http.NoBody
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r) // a RoundTripper follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	all, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(all)
}

// openByPolling opens a session by long-polling. It returns the path of its further requests.
func openByPolling(t *testing.T, url, path string) string {
	t.Helper()
	path += "?EIO=4&transport=polling"
	_, opened := poll(t, http.MethodGet, url+path, "")
	_, rest, _ := strings.Cut(opened, `"sid":"`)
	sid, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("by polling at %s: %s", path, opened)
	}
	return path + "&sid=" + sid
}

// joinByPolling joins "/" by long-polling.
func joinByPolling(t *testing.T, url, path string) {
	t.Helper()
	session := url + openByPolling(t, url, path)
	if status, text := poll(t, http.MethodPost, session, "40"); status != http.StatusOK {
		t.Fatalf("POST: %d %s", status, text)
	}
	if _, text := poll(t, http.MethodGet, session, ""); !strings.HasPrefix(text, `40{"sid":`) {
		t.Errorf("by polling at %s: %s", path, text)
	}
}

func TestMounting(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	requestID := func(next http.Handler) http.Handler { return middleware.RequestID(next) }
	for name, mount := range map[string]func(http.Handler) http.Handler{
		"ServeMux": func(handler http.Handler) http.Handler {
			mux := http.NewServeMux()
			OnServeMux(mux, handler)
			return requestID(mux)
		},
		"chi": func(handler http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Use(middleware.RequestID, middleware.Recoverer, middleware.Compress(5), middleware.NoCache)
			OnChi(r, handler)
			return r
		},
		"gin": func(handler http.Handler) http.Handler {
			r := gin.New()
			r.Use(gin.Recovery(), func(c *gin.Context) {
				requestID(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { c.Request = r })).ServeHTTP(c.Writer, c.Request)
			})
			OnGin(r, handler)
			return r
		},
		"echo": func(handler http.Handler) http.Handler {
			e := echo.New()
			e.Use(echomiddleware.Recover(), echomiddleware.Gzip(), echo.WrapMiddleware(requestID))
			OnEcho(e, handler)
			return e
		},
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(mount(newHandler(t, WithRequestID(), requestIDKey{})))
			defer web.Close()
			for _, path := range []string{"/socket.io/", "/socket.io"} {
				joinByPolling(t, web.URL, path)
				if id := ask(t, web.URL, path); id == "" {
					t.Errorf("%s: no request ID", path)
				}
			}
		})
	}
}

func TestMountingBelowAPrefix(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	for name, mount := range map[string]func(t *testing.T) http.Handler{
		"chi": func(t *testing.T) http.Handler {
			r := chi.NewRouter()
			r.Route("/api", func(r chi.Router) { OnChi(r, newHandler(t, BelowPrefix(), nil)) })
			return r
		},
		"gin": func(t *testing.T) http.Handler {
			r := gin.New()
			r.Group("/api").Any("/socket.io/*rest", gin.WrapH(newHandler(t, BelowPrefix(), nil)))
			return r
		},
		"echo": func(t *testing.T) http.Handler {
			e := echo.New()
			e.Group("/api").Any("/socket.io/*", echo.WrapHandler(newHandler(t, BelowPrefix(), nil)))
			return e
		},
		"ServeMux": func(t *testing.T) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/api/socket.io/", newHandler(t, BelowPrefix(), nil))
			return mux
		},
		"StripPrefix": func(t *testing.T) http.Handler {
			mux := http.NewServeMux()
			Stripped(mux, newHandler(t, socketio.Options{}, nil))
			return mux
		},
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(mount(t))
			defer web.Close()
			joinByPolling(t, web.URL, "/api/socket.io/")
			ask(t, web.URL, "/api/socket.io/")
			if status, _ := poll(t, http.MethodGet, web.URL+"/socket.io/?EIO=4&transport=polling", ""); status != http.StatusNotFound {
				t.Errorf("without the prefix: status %d", status)
			}
		})
	}
}

// Without the second pattern, ServeMux redirects the path without the last slash.
func TestServeMuxRedirectsThePathWithoutItsSlash(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", newHandler(t, socketio.Options{}, nil))
	web := httptest.NewServer(mux)
	defer web.Close()
	if status, _ := poll(t, http.MethodGet, web.URL+"/socket.io?EIO=4&transport=polling", ""); status/100 != 3 {
		t.Errorf("status %d", status)
	}
}

// http.TimeoutHandler cannot be around a server: it hides the connection, so that no
// WebSocket can be opened, and ends a poll that waits for longer than its timeout.
func TestTimeoutHandlerAllowsNoWebSocket(t *testing.T) {
	handler := newHandler(t, socketio.Options{}, nil)
	patient := httptest.NewServer(http.TimeoutHandler(handler, time.Minute, "too late"))
	defer patient.Close()
	hasty := httptest.NewServer(http.TimeoutHandler(handler, 50*time.Millisecond, "too late"))
	defer hasty.Close()
	joinByPolling(t, patient.URL, "/socket.io/")
	_, err := sockettest.Dial(t.Context(), patient.URL, sockettest.Options{})
	if err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("by WebSocket: %v", err)
	}
	session := openByPolling(t, patient.URL, "/socket.io/")
	if status, text := poll(t, http.MethodGet, hasty.URL+session, ""); status != http.StatusServiceUnavailable || text != "too late" {
		t.Errorf("a poll that waits: %d %s", status, text)
	}
}

// chi's Timeout ends a poll that waits for longer than that, and with it the session. A
// WebSocket lives on.
func TestChiTimeoutEndsPollsThatWait(t *testing.T) {
	handler := newHandler(t, socketio.Options{}, nil)
	plain := httptest.NewServer(handler)
	defer plain.Close()
	contexts := make(chan context.Context, 1)
	hasty := httptest.NewServer(middleware.Timeout(200 * time.Millisecond)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		contexts <- r.Context()
		handler.ServeHTTP(w, r)
	})))
	defer hasty.Close()
	session := openByPolling(t, plain.URL, "/socket.io/")
	poll(t, http.MethodGet, hasty.URL+session, "")
	<-contexts
	if status, text := poll(t, http.MethodGet, plain.URL+session, ""); status != http.StatusBadRequest || !strings.Contains(text, "Session ID unknown") {
		t.Errorf("the next poll: %d %s", status, text)
	}
	askAfter(t, hasty.URL, "/socket.io/", func() { <-(<-contexts).Done() })
}

// chi puts its routing context into r.Context() and uses it for another request when the
// handler has returned. A ConnContext that passes on all of r.Context() gives handlers the
// URL parameters of other requests.
func TestChiReusesItsRoutingContext(t *testing.T) {
	var contexts []context.Context
	r := chi.NewRouter()
	r.Get("/{tenant}", func(_ http.ResponseWriter, r *http.Request) {
		contexts = append(contexts, context.WithoutCancel(r.Context()))
	})
	for range 100 { // because a sync.Pool may drop its items
		contexts = nil
		for _, path := range []string{"/acme", "/evil"} {
			r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
		}
		if got := chi.URLParamFromCtx(contexts[0], "tenant"); got == "evil" {
			return
		}
	}
	t.Error("the routing context was not reused, as docs/mounting.md says that it is")
}

// The samples of docs/mounting.md are in mounting.go.
func TestPageShowsThisPackage(t *testing.T) {
	page, err := os.ReadFile("../../docs/mounting.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("mounting.go")
	if err != nil {
		t.Fatal(err)
	}
	indent := regexp.MustCompile(`(?m)^\s+`)
	source := indent.ReplaceAllString(string(program), "")
	samples := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	for _, sample := range samples {
		if !strings.Contains(source, indent.ReplaceAllString(sample[1], "")) {
			t.Errorf("mounting.go has not\n%s", sample[1])
		}
	}
	if len(samples) < 6 {
		t.Errorf("%d samples", len(samples))
	}
}
