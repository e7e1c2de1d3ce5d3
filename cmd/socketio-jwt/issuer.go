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

// issuer is the development issuer: it makes a token for whoever asks, by any name.
// So it answers to this machine alone, and among the browsers on it to its own page.
// The nil issuer is none, and says so.
type issuer struct {
	key    mint.SigningKey
	life   time.Duration
	remote bool   // other machines may ask too
	host   string // by which it may be asked for, beside the names of the loopback
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
		return nil, fmt.Errorf("--token-life is between %v and %v", minTokenLife, maxTokenLife)
	}
	if remote {
		log.Warn("INSECURE: the development issuer serves other machines: whoever reaches this server can be anybody (--insecure-remote-login)")
	}
	return &issuer{key, life, remote, host, log}, nil
}

// loginError is an answer other than a token.
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
			refused := &loginError{http.StatusInternalServerError, "something went wrong; the log has it"}
			if !errors.As(err, &refused) {
				i.log.Error("login", "cause", err)
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

// writeJSON writes v, which can always be encoded.
func writeJSON(w io.Writer, v any) {
	if body, err := wirejson.Marshal(v); err == nil {
		_, _ = w.Write(body)
	}
}

func (i *issuer) login(w http.ResponseWriter, r *http.Request) (string, error) {
	if i == nil {
		return "", &loginError{http.StatusNotFound, "there is no development issuer here: tokens come from the issuer that this server was told to trust"}
	}
	if r.Method != http.MethodPost {
		return "", &loginError{http.StatusMethodNotAllowed, `POST a username, {"username": "ada"}, to get a token`}
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
		i.log.Info("login", "username", username, "life", life)
	}
	return compact, err
}

// admit decides by whom and from where the request comes.
//
// A page from elsewhere can make a browser on this machine ask: so the media type
// has to be one that a page can send to its own origin alone, and what the browser
// says of the origin is believed. A name that somebody else's DNS lets point here
// makes such a page "same origin" (DNS rebinding): so Host has to be a name of ours.
func (i *issuer) admit(r *http.Request) error {
	if !i.remote {
		if err := i.admitLocal(r); err != nil {
			return err
		}
	}
	if err := new(http.CrossOriginProtection).Check(r); err != nil {
		return &loginError{http.StatusForbidden, "pages of other origins get no token here"}
	}
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return &loginError{http.StatusUnsupportedMediaType, "the body has to be JSON, with Content-Type: application/json"}
	}
	return nil
}

func (i *issuer) admitLocal(r *http.Request) error {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return &loginError{http.StatusForbidden, "the development issuer serves its own machine alone (serve --insecure-remote-login opens it to others)"}
	}
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"} {
		if r.Header.Get(header) != "" {
			return &loginError{http.StatusForbidden, "the development issuer serves its own machine alone, and this request came through a proxy"}
		}
	}
	if !i.ours(r.Host) {
		return &loginError{http.StatusForbidden, "the development issuer is asked by the name localhost, or the host of --addr"}
	}
	return nil
}

// ours reports whether a Host header names this machine: by a loopback address, a
// name that no DNS may give to another (RFC 6761, section 6.3), or as --addr does.
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

// read reads {"username": ..., "life": ...}. A life may be asked for that is shorter
// than usual, or over already, which opens nothing; never a longer one.
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
		return bad(`the body has to be {"username": "ada"}, and may have a "life" such as "20s"`)
	}
	username = strings.TrimSpace(login.Username)
	if n := utf8.RuneCountInString(username); n == 0 || n > maxUsername || strings.ContainsFunc(username, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return bad(fmt.Sprintf("a username has 1 to %d characters that can be seen", maxUsername))
	}
	life = i.life
	if login.Life != "" {
		asked, err := parseDuration(login.Life)
		if err != nil || asked > i.life || asked < -maxTokenLife {
			return bad(fmt.Sprintf("life is a duration such as 20s or -1m, and at most %v", i.life))
		}
		life = asked
	}
	return username, life, nil
}
