package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"

	"socketiojwt/token"
)

// loggedToken is what the log says of a token whose signature was found valid. The zero value
// means that there is no such token.
type loggedToken struct {
	issuer, subject string
	hash            [sha256.Size]byte // token.Token.Hash
}

// logged returns the loggedToken of a token that was verified.
func logged(t *token.Token) loggedToken { return loggedToken{t.Issuer, t.Subject, t.Hash} }

// loggedRefused returns the loggedToken of a token that was refused.
func loggedRefused(cause error) loggedToken {
	issuer, subject, hash := token.RefusedToken(cause)
	return loggedToken{issuer, subject, hash}
}

// attrs returns the fields of a log line. The hash is not a credential: it is the SHA-256 of
// what was signed.
func (l loggedToken) attrs() []slog.Attr {
	if l == (loggedToken{}) {
		return nil
	}
	return []slog.Attr{slog.String("issuer", l.issuer), slog.String("subject", l.subject), slog.String("token", hex.EncodeToString(l.hash[:]))}
}

// logLease logs, at level Debug, what happened to a lease of the socket.
func (a *admission) logLease(message string, t *token.Token, more ...slog.Attr) {
	ctx, log := a.socket.Context(), a.gate.opts.Logger
	if !log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := append([]slog.Attr{slog.Any("socket", a.socket), slog.String("remote", a.socket.Handshake().RemoteAddr)}, logged(t).attrs()...)
	log.LogAttrs(ctx, slog.LevelDebug, message, append(attrs, more...)...)
}

// logEnd logs the end of a lease.
func (a *admission) logEnd(message string, e *Error) {
	attrs := []slog.Attr{
		slog.Any("socket", a.socket), slog.String("remote", a.socket.Handshake().RemoteAddr),
		slog.String("id", e.ID), slog.String("reason", string(e.Reason)), slog.Any("cause", e.Err),
	}
	a.gate.opts.Logger.LogAttrs(a.socket.Context(), slog.LevelInfo, message, append(attrs, e.token.attrs()...)...)
}
