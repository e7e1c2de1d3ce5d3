// Package observe is the hook through which the other packages report what takes time: an
// [Observer] is told when an operation begins and how it ended. Packages metrics and tracing
// have Observers. Options.Observer of packages socketio, auth, token/jwks and redisbus takes
// one; all of them may take the same. Figures that are not durations are in the Stats of
// these packages.
//
// This is an Observer that logs slow operations:
//
//	type slow struct{ log *slog.Logger }
//
//	func (s slow) Start(ctx context.Context, op observe.Operation) (context.Context, func(observe.Outcome)) {
//		began := time.Now()
//		return ctx, func(o observe.Outcome) {
//			if took := time.Since(began); took > time.Second {
//				s.log.Warn("slow", "operation", op.Kind, "result", o.Result, "took", took)
//			}
//		}
//	}
//
// No field of an Operation or an Outcome has a token, a subject, a room or another text that a
// peer has chosen, except Operation.Value. So the number of their values is bounded by the
// program, and an Observer can use them as labels of metrics.
package observe
