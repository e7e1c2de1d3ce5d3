package logout

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"socketiojwt/auth"
	"socketiojwt/internal/guard"
	"socketiojwt/internal/logging"
	"socketiojwt/internal/wirejson"
	"socketiojwt/token"
)

// Options configure a Handler. Verifier and Gates are required.
type Options struct {
	// Verifier decides whether a logout token is good: its signature, issuer, audience, times
	// and type. Make a token.Verifier with the rules of profile.LogoutToken. If the gate's
	// tokens have a numeric sub, set token.Options.NumericSubject here too. The Handler checks
	// the claims that are peculiar to logout tokens itself.
	Verifier auth.Verifier
	// Gates are the gates whose sockets end.
	Gates []Revoker
	// WholeUser ends all sockets of the user that a logout token names, even if it also
	// names a session. Set it if the tokens that sockets show do not have sid. A user who logs
	// out on one device is then logged out on all. False means that sid is decisive.
	WholeUser bool
	// MaxSessions bounds the sessions of one user that are revoked one by one, each with an entry
	// of the denylist, within one to two days. Further logouts that name a session and the user
	// revoke all tokens of the user that were issued before, which takes one entry in all; the
	// other devices of the user come back with fresh tokens. Zero means 16.
	MaxSessions int
	// Timeout bounds the verification and the revocation of one logout token together. A
	// request that was aborted by the issuer is completed. After that time the answer is 503,
	// and the issuer must send the token again. Zero means 10 s.
	Timeout time.Duration
	// MaxRemembered is how many logout tokens are remembered, so that they are not accepted
	// again. When the memory is full, the older half is forgotten. Zero means 100,000, which
	// take some 6 MB.
	MaxRemembered int
	// Logger receives each logout at level Info, failures of a gate at level Error, and
	// refused logout tokens at level Warn. The latter are sampled, because any peer can cause
	// them. Nil means that warnings and errors go to slog.Default(). To log nothing, set a
	// logger with slog.DiscardHandler.
	Logger *slog.Logger
}

// Handler is an http.Handler for the back-channel logout endpoint. Make one with NewHandler;
// the zero value is not usable. It answers with one of these statuses, and with
// Cache-Control: no-store:
//
//   - 200 if all gates have revoked what the logout token names, including the case that no
//     socket matched
//   - 400 if the request or its logout token is not valid, or if the token was used before
//   - 405 if the method is not POST
//   - 503, with Retry-After, if keys are unavailable or a gate has failed. The issuer may send
//     the same logout token again.
//
// Except for 200, the body is a JSON object with error and error_description (RFC 6749,
// section 5.2). The description does not say what is wrong with a token; the log does.
type Handler struct {
	opts    Options // with defaults
	used    *memory
	logouts *sessions
	sampler logging.Sampler
}

// NewHandler returns a Handler. It fails if an option is invalid.
func NewHandler(opts Options) (*Handler, error) {
	var wrong []error
	check := func(bad bool, text string) {
		if bad {
			wrong = append(wrong, errors.New("auth/logout: "+text))
		}
	}
	check(opts.Verifier == nil, "Verifier is nil; make one with token.NewVerifier and profile.LogoutToken")
	check(len(opts.Gates) == 0, "Gates is empty; list the gates whose sockets a logout ends")
	check(slices.Contains(opts.Gates, nil), "a gate is nil")
	check(opts.MaxSessions < 0, "MaxSessions is negative; set a positive number, or zero for 16")
	check(opts.Timeout < 0, "Timeout is negative; set a positive duration, or zero for 10 s")
	check(opts.MaxRemembered < 0, "MaxRemembered is negative; set a positive number, or zero for 100,000")
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	opts.Gates = slices.Clone(opts.Gates)
	opts.Timeout = cmp.Or(opts.Timeout, 10*time.Second)
	opts.MaxRemembered = cmp.Or(opts.MaxRemembered, 100_000)
	opts.MaxSessions = cmp.Or(opts.MaxSessions, 16)
	opts.Logger = logging.OrDefault(opts.Logger)
	return &Handler{opts: opts, used: newMemory(opts.MaxRemembered), logouts: newSessions(opts.MaxRemembered, opts.MaxSessions), sampler: logging.Sampler{PerMinute: 60, Repeat: time.Second}}, nil
}

// maxBody bounds the body of a request in bytes. Logout tokens have less than 2 KiB.
const maxBody = 64 << 10

// retryAfter is the Retry-After of temporary failures, in seconds.
const retryAfter = "5"

// ServeHTTP handles a back-channel logout request (section 2.5). It reads the body for at
// most Options.Timeout.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer guard.AbortHTTP(h.opts.Logger, "auth/logout: panic while a logout token was handled")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		answer(w, &failure{status: http.StatusMethodNotAllowed, code: "invalid_request", text: "a logout request must be a POST"})
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.opts.Timeout)) // net/http resets it
	compact, failed := readToken(w, r)
	if failed == nil {
		// An issuer may close the connection without waiting for the answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.opts.Timeout)
		defer cancel()
		failed = h.logOut(ctx, compact)
	}
	if failed == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	h.log(r, failed)
	answer(w, failed)
}

// A failure is an answer other than 200.
type failure struct {
	status     int
	code, text string // error and error_description
	cause      error  // for the log
}

// badRequest returns the failure of an invalid request.
func badRequest(text string, cause error) *failure {
	return &failure{status: http.StatusBadRequest, code: "invalid_request", text: text, cause: cause}
}

// later returns a failure that is not the logout token's fault.
func later(cause error) *failure {
	return &failure{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", text: "the logout failed; send the logout token again later", cause: cause}
}

// readToken returns the parameter logout_token of the body.
func readToken(w http.ResponseWriter, r *http.Request) (compact string, failed *failure) {
	const form = "application/x-www-form-urlencoded"
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != form {
		return "", badRequest("the Content-Type must be "+form, nil)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return "", badRequest("the body could not be read; it must not have more than "+strconv.Itoa(maxBody)+" bytes", err)
	}
	values, err := url.ParseQuery(string(body))
	if err != nil { // the error would quote a part of the body
		return "", badRequest("the body is not "+form, nil)
	}
	if shown := values["logout_token"]; len(shown) == 1 && shown[0] != "" {
		return shown[0], nil
	}
	return "", badRequest("the body must have one parameter logout_token", nil)
}

// errReplay says that a logout token was used before.
var errReplay = errors.New("auth/logout: the logout token was used before")

// logOut verifies a logout token and revokes what it names.
func (h *Handler) logOut(ctx context.Context, compact string) *failure {
	const invalid = "the logout token is not valid"
	t, err := h.opts.Verifier.Verify(ctx, compact)
	switch {
	case errors.Is(err, token.ErrKeysUnavailable):
		return later(err)
	case err != nil:
		return badRequest(invalid, err)
	case t == nil:
		return later(errors.New("auth/logout: the verifier returned neither an error nor a token"))
	}
	named, err := h.read(t)
	if err != nil {
		return badRequest(invalid, err)
	}
	key := keyOf(t.Issuer, t.ID)
	if !h.used.add(key) {
		return badRequest("the logout token was used before", errReplay)
	}
	if named.session != "" && t.Subject != "" && !h.logouts.add(keyOf(t.Issuer, t.Subject)) {
		named = wholeUser(t)
	}
	done := false
	defer func() { // also after a panic
		if !done {
			h.used.remove(key)
		}
	}()
	sockets, err := h.revoke(ctx, named)
	if err != nil {
		return later(err)
	}
	done = true
	h.opts.Logger.LogAttrs(ctx, slog.LevelInfo, "auth/logout: logged out", named.attrs(t, sockets)...)
	return nil
}

// log logs a failure.
func (h *Handler) log(r *http.Request, f *failure) {
	level, cause := slog.LevelWarn, f.cause
	if f.status == http.StatusServiceUnavailable {
		level = slog.LevelError
	}
	if cause == nil {
		cause = errors.New(f.text)
	}
	h.sampler.Log(r.Context(), h.opts.Logger, level, strconv.Itoa(f.status), "auth/logout: logout refused", "remote", r.RemoteAddr, "status", f.status, "cause", cause)
}

// answer writes a failure.
func answer(w http.ResponseWriter, f *failure) {
	body, err := wirejson.Marshal(map[string]string{"error": f.code, "error_description": f.text})
	if err != nil { // cannot happen: the texts are valid UTF-8
		body = []byte("{}")
	}
	header := w.Header()
	if f.status == http.StatusServiceUnavailable {
		header.Set("Retry-After", retryAfter)
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(f.status)
	_, _ = w.Write(body)
}
