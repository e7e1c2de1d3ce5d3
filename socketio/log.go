package socketio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"socketiojwt/internal/guard"
	"socketiojwt/internal/logging"
)

// logLinesPerMinute bounds the lines above level Debug about each event that peers can cause,
// such as a failed handler. Further ones are logged at level Debug.
const logLinesPerMinute = 60

func newSampler() logging.Sampler {
	return logging.Sampler{PerMinute: logLinesPerMinute, Repeat: time.Minute}
}

func (s *Socket) logger() *slog.Logger { return s.conn.server.opts.Logger.With("socket", s) }

// logSampled logs a line that peers can cause at will. Lines with the same message and key
// count as repetitions.
func (s *Socket) logSampled(ctx context.Context, level slog.Level, key, msg string, attrs ...any) {
	s.conn.server.sampler.Log(ctx, s.logger(), level, key, msg, attrs...)
}

// logFailed logs the error of an event handler. It is a warning if the program failed. It is
// logged at level Debug if the peer caused it, or if the socket ended while the handler ran.
func (s *Socket) logFailed(ctx context.Context, event string, err error) {
	const msg = "socketio: event handler failed"
	attrs := []any{"event", event, "error", err, "cause", causeOf(err)}
	s.conn.server.figures.failed.Add(1)
	switch {
	case ctx.Err() != nil || errors.Is(err, ErrClosed):
		s.logger().DebugContext(ctx, msg, attrs...)
	case isPeersFault(err):
		s.logger().DebugContext(ctx, msg, append(attrs, "peer_faults", s.conn.server.figures.peerFaults.Add(1))...)
	default:
		s.logSampled(ctx, slog.LevelWarn, event+"\n"+fmt.Sprint(err), msg, attrs...)
	}
}

// isPeersFault reports whether a handler failed because of what the peer sent: the error is
// ErrArguments or a PublicError without a cause.
func isPeersFault(err error) bool {
	var public *PublicError
	if errors.As(err, &public) {
		return public.Err == nil || errors.Is(public.Err, ErrArguments)
	}
	return errors.Is(err, ErrArguments)
}

// logPanic logs a panic in user code. A nil value means that it called runtime.Goexit.
func (s *Socket) logPanic(value any) {
	p := guard.Recovered(value)
	s.conn.server.figures.panics.Add(1)
	s.logSampled(s.Context(), slog.LevelError, p.At, "socketio: panic in user code", p.Attr())
}

// logEnd logs that an admitted socket has ended, and why. During Shutdown it logs at level
// Debug, because ending all sockets is one event.
func (s *Socket) logEnd(ctx context.Context, reason Reason, cause error) {
	level := slog.LevelInfo
	if reason == ReasonShutdown {
		level = slog.LevelDebug
	}
	if !s.conn.server.opts.Logger.Enabled(ctx, level) {
		return
	}
	log := s.logger()
	what := []any{"remote", s.conn.session.RemoteAddr(), "reason", reason}
	if e := (*Ending)(nil); errors.As(cause, &e) && e != nil && e.Err != nil {
		cause = e.Err // the text of an Ending does not contain it
	}
	if cause != nil {
		what = append(what, "cause", cause)
	}
	what = append(what, "connected", time.Since(s.conn.first.time()).Round(time.Millisecond))
	log.Log(ctx, level, "socketio: socket disconnected", what...)
}

// logClosed logs why the connection is being closed.
func (c *conn) logClosed(level slog.Level, why string, attrs ...any) {
	attrs = append([]any{"why", why, "remote", c.session.RemoteAddr()}, attrs...)
	c.server.opts.Logger.Log(c.ctx, level, "socketio: connection closed", attrs...)
}

// firstWarning returns LevelWarn the first time it is called with a reason, and LevelDebug
// after that. Reasons must be constants, because each one is kept.
func (srv *Server) firstWarning(reason string) slog.Level {
	if _, again := srv.warned.LoadOrStore(reason, true); again {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}
