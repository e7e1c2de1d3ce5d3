package tracing

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"socketiojwt/observe"
	"socketiojwt/socketio"
)

// Options configure a Tracer. The zero value is ready to use.
type Options struct {
	// TracerProvider makes the spans. Nil means otel.GetTracerProvider().
	TracerProvider trace.TracerProvider
	// Propagator reads the context of a trace from the header of a request, and from an event.
	// Nil means that of the W3C: the header traceparent.
	Propagator propagation.TextMapPropagator
	// EventCarrier returns where an event carries the context of a trace, for example a member of
	// its last argument:
	//
	//	EventCarrier: func(e *socketio.Event) propagation.TextMapCarrier {
	//		var meta struct{ Trace propagation.MapCarrier }
	//		if n := e.Len(); n == 0 || e.Drop(n-1).Scan(&meta) != nil {
	//			return nil
	//		}
	//		return meta.Trace
	//	}
	//
	// The peer chooses it, and so can add spans to any trace whose ID it knows. The function is
	// called concurrently. Nil, and a nil result, mean that the handler has a trace of its own.
	EventCarrier func(*socketio.Event) propagation.TextMapCarrier
}

// A Tracer is an observe.Observer that makes spans. Make it with New. Its methods may be called
// concurrently.
type Tracer struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	carrier    func(*socketio.Event) propagation.TextMapCarrier
}

var _ observe.Observer = (*Tracer)(nil)

// scope is the name of the instrumentation.
const scope = "socketiojwt/tracing"

// New returns a Tracer.
func New(opts Options) *Tracer {
	if opts.TracerProvider == nil {
		opts.TracerProvider = otel.GetTracerProvider()
	}
	if opts.Propagator == nil {
		opts.Propagator = propagation.TraceContext{}
	}
	return &Tracer{opts.TracerProvider.Tracer(scope), opts.Propagator, opts.EventCarrier}
}

// connectionKey is the context key of the trace.SpanContext of a connection's request.
type connectionKey struct{}

// ConnContext is for socketio.Options.ConnContext. It keeps the trace of the first request of a
// connection: that of the span that middleware has started, or else that of the request's header.
// A program that has a ConnContext of its own calls this one from it.
func (t *Tracer) ConnContext(ctx context.Context, r *http.Request) context.Context {
	span := trace.SpanContextFromContext(r.Context())
	if !span.IsValid() {
		span = trace.SpanContextFromContext(t.propagator.Extract(context.Background(), propagation.HeaderCarrier(r.Header)))
	}
	if !span.IsValid() {
		return ctx
	}
	return context.WithValue(ctx, connectionKey{}, span)
}

// Start implements observe.Observer.
func (t *Tracer) Start(ctx context.Context, op observe.Operation) (context.Context, func(observe.Outcome)) {
	began, opts := t.parent(ctx, op)
	began, span := t.tracer.Start(began, nameOf(op), append(opts, trace.WithSpanKind(kindOf(op.Kind)), trace.WithAttributes(attributesOf(op)...))...)
	return began, func(o observe.Outcome) {
		if span.IsRecording() {
			span.SetAttributes(resultsOf(op.Kind, o)...)
			if failed(o.Result) {
				span.SetStatus(codes.Error, o.Result)
			}
		}
		span.End()
	}
}

// parent returns the context with the parent of the span of an operation, and options.
func (t *Tracer) parent(ctx context.Context, op observe.Operation) (context.Context, []trace.SpanStartOption) {
	connection, _ := ctx.Value(connectionKey{}).(trace.SpanContext)
	switch op.Kind {
	case observe.Connect:
		if connection.IsValid() {
			return trace.ContextWithRemoteSpanContext(ctx, connection), nil
		}
	case observe.Handle:
		var opts []trace.SpanStartOption
		if connection.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: connection}))
		}
		if event, ok := op.Value.(*socketio.Event); ok && t.carrier != nil {
			if carrier := t.carrier(event); carrier != nil {
				return t.propagator.Extract(ctx, carrier), opts
			}
		}
		return ctx, append(opts, trace.WithNewRoot())
	}
	return ctx, nil
}

// nameOf returns the name of the span of an operation.
func nameOf(op observe.Operation) string {
	switch op.Kind {
	case observe.Connect:
		return "socketio connect " + op.Namespace
	case observe.Handle:
		return "socketio process " + op.Event
	case observe.Broadcast:
		return "socketio send " + op.Event
	case observe.Verify:
		return "auth verify"
	case observe.FetchKeys:
		return "jwks fetch"
	case observe.Refresh:
		return "auth refresh"
	case observe.Revoke:
		return "auth revoke"
	case observe.Publish:
		return "redis publish"
	case observe.AskBackend:
		return "upstream ask " + op.Event
	}
	return "socketio " + op.Kind.String()
}

func kindOf(kind observe.Kind) trace.SpanKind {
	switch kind {
	case observe.Connect:
		return trace.SpanKindServer
	case observe.Handle:
		return trace.SpanKindConsumer
	case observe.Broadcast, observe.Publish:
		return trace.SpanKindProducer
	case observe.FetchKeys, observe.AskBackend:
		return trace.SpanKindClient
	}
	return trace.SpanKindInternal
}

// attributesOf returns what is known when an operation begins. The names that begin with
// messaging. and the name error.type are those of the semantic conventions 1.27 and later.
func attributesOf(op observe.Operation) (all []attribute.KeyValue) {
	add := func(name, value string) {
		if value != "" {
			all = append(all, attribute.String(name, value))
		}
	}
	add("socketio.namespace", op.Namespace)
	switch op.Kind {
	case observe.Handle:
		add("messaging.system", "socketio")
		add("messaging.operation.type", "process")
		add("messaging.operation.name", op.Event)
	case observe.Broadcast:
		add("messaging.system", "socketio")
		add("messaging.operation.type", "send")
		add("messaging.operation.name", op.Event)
	case observe.Publish:
		add("messaging.system", "redis")
		add("messaging.operation.type", "send")
	case observe.FetchKeys:
		add("socketio.issuer", op.Issuer)
	}
	return all
}

// resultsOf returns what is known when an operation has ended.
func resultsOf(kind observe.Kind, o observe.Outcome) []attribute.KeyValue {
	all := []attribute.KeyValue{attribute.String("socketio.result", o.Result)}
	if failed(o.Result) {
		all = append(all, attribute.String("error.type", o.Result))
	}
	switch kind {
	case observe.Connect:
		all = append(all, attribute.Bool("socketio.held", o.Held))
	case observe.Verify:
		all = append(all, attribute.String("socketio.signature", o.Signature.String()))
		if o.Algorithm != "" {
			all = append(all, attribute.String("socketio.algorithm", o.Algorithm))
		}
	case observe.Publish:
		all = append(all, attribute.Int("messaging.batch.message_count", o.Count))
	case observe.Broadcast, observe.Revoke:
		all = append(all, attribute.Int("socketio.sockets", o.Count))
	}
	return all
}

// failed reports whether the server has failed. A bad token, or a peer that leaves, is not an error
// of the server.
func failed(result string) bool {
	switch result {
	case observe.OK, observe.Refused, observe.Left, observe.PeerFailed:
		return false
	}
	return true
}
