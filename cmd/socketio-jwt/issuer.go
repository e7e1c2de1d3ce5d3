package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"socketiojwt/internal/wirejson"
	"socketiojwt/token/mint"
)

// issuer is the development issuer. It signs a token for any name, so it serves only this
// machine, and in a browser only its own page. A nil issuer answers that there is none.
type issuer struct {
	key    mint.SigningKey
	life   time.Duration
	remote bool   // it also serves other machines
	host   string // accepted in the Host header, besides the names of the loopback addresses
	log    *slog.Logger
}

const (
	defaultTokenLife = 15 * time.Minute
	minTokenLife     = time.Second
	maxTokenLife     = 24 * time.Hour
	maxLoginBody     = 4 << 10
	maxUsername      = 64 // characters
	loginDeadline    = 10 * time.Second
)

func newIssuer(key mint.SigningKey, life time.Duration, remote bool, host string, log *slog.Logger) (*issuer, error) {
	if life < minTokenLife || life > maxTokenLife {
		return nil, fmt.Errorf("--token-life must be between %v and %v", minTokenLife, maxTokenLife)
	}
	if remote {
		log.Warn("INSECURE: the development issuer serves other machines: anyone who can reach this server can log in as anyone (--insecure-remote-login)")
	}
	return &issuer{key, life, remote, host, log}, nil
}

// loginError is the response to a request that gets no token.
type loginError struct {
	status int
	Text   string `json:"error"`
}

func (e *loginError) Error() string { return e.Text }

// handler answers POST /login.
func (i *issuer) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		compact, err := i.login(w, r)
		if err != nil {
			refused := &loginError{http.StatusInternalServerError, "internal error; the log has the cause"}
			if !errors.As(err, &refused) {
				i.log.Error("login failed", "cause", err)
			}
			if refused.status == http.StatusMethodNotAllowed {
				w.Header().Set("Allow", http.MethodPost)
			}
			w.WriteHeader(refused.status)
			writeJSON(w, refused)
			return
		}
		writeJSON(w, map[string]string{"token": compact})
	})
}

// writeJSON writes v, which must be encodable.
func writeJSON(w io.Writer, v any) {
	if body, err := wirejson.Marshal(v); err == nil {
		_, _ = w.Write(body)
	}
}

func (i *issuer) login(w http.ResponseWriter, r *http.Request) (string, error) {
	if i == nil {
		return "", &loginError{http.StatusNotFound, "this server has no development issuer: get a token from the issuer that it is configured to trust"}
	}
	if r.Method != http.MethodPost {
		return "", &loginError{http.StatusMethodNotAllowed, `POST {"username": "ada"} to get a token`}
	}
	if err := i.admit(r); err != nil {
		i.log.Warn("login refused", "remote", r.RemoteAddr, "host", r.Host, "origin", r.Header.Get("Origin"), "cause", err)
		return "", err
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(loginDeadline)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return "", err
	}
	username, life, err := i.read(http.MaxBytesReader(w, r.Body, maxLoginBody))
	if err != nil {
		return "", err
	}
	now := time.Now()
	compact, err := mint.Sign(i.key, map[string]any{
		"sub": username, "iat": now.Unix(), "exp": now.Add(life).Unix(),
	}, mint.Header{})
	if err == nil {
		i.log.Info("login accepted", "username", username, "life", life)
	}
	return compact, err
}

// admit returns an error unless the request comes from this machine and, in a browser, from
// the page of this server.
//
// A page of another origin can make a browser on this machine send requests. So the media
// type must be one that a page can send only to its own origin without a preflight request,
// and the browser's headers about the origin are checked. An attacker whose DNS name resolves
// to this machine makes such a page "same origin" (DNS rebinding), so Host must be a name of
// this machine.
func (i *issuer) admit(r *http.Request) error {
	if !i.remote {
		if err := i.admitLocal(r); err != nil {
			return err
		}
	}
	if err := new(http.CrossOriginProtection).Check(r); err != nil {
		return &loginError{http.StatusForbidden, "pages of other origins get no token"}
	}
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return &loginError{http.StatusUnsupportedMediaType, "the body must be JSON, with Content-Type: application/json"}
	}
	return nil
}

func (i *issuer) admitLocal(r *http.Request) error {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return &loginError{http.StatusForbidden, "the development issuer serves only its own machine (serve --insecure-remote-login opens it to others)"}
	}
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"} {
		if r.Header.Get(header) != "" {
			return &loginError{http.StatusForbidden, "the development issuer serves only its own machine, and this request came through a proxy"}
		}
	}
	if !i.ours(r.Host) {
		return &loginError{http.StatusForbidden, "the Host header must be localhost or the host of --addr"}
	}
	return nil
}

// ours reports whether a Host header names this machine: by a loopback address, by a name that
// DNS must not resolve to another machine (RFC 6761, section 6.3), or by the host of --addr.
func (i *issuer) ours(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]") // without a port
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().IsLoopback() || name == i.host
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || name != "" && name == strings.ToLower(i.host)
}

// read parses {"username": ..., "life": ...}. The life may be shorter than usual, or negative
// for an expired token, and never longer.
func (i *issuer) read(body io.Reader) (username string, life time.Duration, err error) {
	bad := func(text string) (string, time.Duration, error) {
		return "", 0, &loginError{http.StatusBadRequest, text}
	}
	var login struct {
		Username string `json:"username"`
		Life     string `json:"life"`
	}
	text, err := io.ReadAll(body)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return "", 0, &loginError{http.StatusRequestEntityTooLarge, "the body is too large"}
	}
	if err != nil || wirejson.UnmarshalKnown(text, &login) != nil {
		return bad(`the body must be {"username": "ada"}, and may have a "life" such as "20s"`)
	}
	username = strings.TrimSpace(login.Username)
	if n := utf8.RuneCountInString(username); n == 0 || n > maxUsername || strings.ContainsFunc(username, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return bad(fmt.Sprintf("username must have 1 to %d printable characters", maxUsername))
	}
	life = i.life
	if login.Life != "" {
		asked, err := parseDuration(login.Life)
		if err != nil || asked > i.life || asked < -maxTokenLife {
			return bad(fmt.Sprintf("life must be a duration such as 20s or -1m, and at most %v", i.life))
		}
		life = asked
	}
	return username, life, nil
}
