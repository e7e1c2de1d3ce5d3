package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/observe"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token/jwks"
	"socketiojwt/tracing"
)

const (
	requestTrace = "0af7651916cd43dd8448eb211c80319c"
	requestSpan  = "b7ad6b7169203331"
	eventTrace   = "4bf92f3577b34da6a3ce929d0e0e4736"
	eventSpan    = "00f067aa0ba902b7"
)

// carried reads the trace from the member trace of the last argument.
func carried(e *socketio.Event) propagation.TextMapCarrier {
	var meta struct {
		Trace propagation.MapCarrier `json:"trace"`
	}
	if n := e.Len(); n == 0 || e.Drop(n-1).Scan(&meta) != nil {
		return nil
	}
	return meta.Trace
}

// named returns the spans of a name.
func named(spans tracetest.SpanStubs, name string) (found tracetest.SpanStubs) {
	return slices.DeleteFunc(slices.Clone(spans), func(s tracetest.SpanStub) bool { return s.Name != name })
}

func one(t *testing.T, spans tracetest.SpanStubs, name string) tracetest.SpanStub {
	t.Helper()
	found := named(spans, name)
	if len(found) != 1 {
		t.Fatalf("%d spans %q", len(found), name)
	}
	return found[0]
}

func has(t *testing.T, s tracetest.SpanStub, name string, want any) {
	t.Helper()
	for _, a := range s.Attributes {
		if a.Key == attribute.Key(name) {
			if a.Value.AsInterface() != want {
				t.Errorf("%s: %s is %v, want %v", s.Name, name, a.Value.AsInterface(), want)
			}
			return
		}
	}
	t.Errorf("%s has no attribute %s among %v", s.Name, name, s.Attributes)
}

// run makes one peer do something, and returns the spans.
func run(t *testing.T, within func(context.Context, *sockettest.Peer, func(map[string]any) string)) tracetest.SpanStubs {
	var spans tracetest.SpanStubs
	synctest.Test(t, func(t *testing.T) {
		exporter := tracetest.NewInMemoryExporter()
		provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter))
		tracer := tracing.New(tracing.Options{TracerProvider: provider, EventCarrier: carried})
		gate, sign := authtest.NewGate(t, auth.Options{Observer: tracer})
		srv, err := socketio.NewServer(socketio.Options{Observer: tracer, ConnContext: tracer.ConnContext})
		if err != nil {
			t.Fatal(err)
		}
		srv.Use(gate.Handshake)
		srv.Handle("say", socketio.AckFunc(func(ctx context.Context, _ *socketio.Socket, args socketio.Arguments) (string, error) {
			return trace.SpanContextFromContext(ctx).TraceID().String(), srv.Broadcast.WithContext(ctx).Emit("said", "a secret text")
		}))
		srv.Handle("fail", func(context.Context, *socketio.Socket, *socketio.Event) error { return errors.New("a secret error") })
		s := sockettest.Serve(t, srv)
		p := s.Dial(sockettest.Options{
			Auth:   map[string]any{"token": sign(map[string]any{"sub": "a secret subject"})},
			Header: http.Header{"Traceparent": {"00-" + requestTrace + "-" + requestSpan + "-01"}},
		})
		within(t.Context(), p, sign)
		synctest.Wait()
		_ = p.Close()
		synctest.Wait()
		spans = exporter.GetSpans()
	})
	return spans
}

func TestSpansAreOfTheTraceOfTheRequestAndOfTheEvent(t *testing.T) {
	spans := run(t, func(ctx context.Context, p *sockettest.Peer, sign func(map[string]any) string) {
		ask := func(event string, args ...any) string {
			answer, err := p.EmitWithAck(ctx, event, args...)
			var text string
			if err := errors.Join(err, answer.Scan(&text)); err != nil {
				t.Error(err)
			}
			return text
		}
		if got := ask("say", map[string]any{"trace": map[string]string{"traceparent": "00-" + eventTrace + "-" + eventSpan + "-01"}}); got != eventTrace {
			t.Errorf("the handler runs in trace %s, want that of the event", got)
		}
		if got := ask("say", "text"); got == eventTrace || got == requestTrace || strings.Trim(got, "0") == "" {
			t.Errorf("the handler runs in trace %s, want a new one", got)
		}
		_ = p.Emit("fail")
		_ = p.Emit("an event of the peer")
		if _, err := p.EmitWithAck(ctx, "authenticate", map[string]any{"token": sign(map[string]any{"sub": "a secret subject"})}); err != nil {
			t.Error(err)
		}
	})
	connect := one(t, spans, "socketio connect /")
	if connect.SpanContext.TraceID().String() != requestTrace || connect.Parent.SpanID().String() != requestSpan || connect.SpanKind != trace.SpanKindServer {
		t.Errorf("the connect is %v with parent %v", connect.SpanContext, connect.Parent)
	}
	has(t, connect, "socketio.namespace", "/")
	has(t, connect, "socketio.result", "ok")
	has(t, connect, "socketio.held", false)
	verify := named(spans, "auth verify")
	if len(verify) != 2 || verify[0].Parent.SpanID() != connect.SpanContext.SpanID() || verify[1].Parent.SpanID() != one(t, spans, "auth refresh").SpanContext.SpanID() {
		t.Errorf("verifications are %v", verify)
	}
	has(t, verify[0], "socketio.algorithm", "HS256")
	handlers := named(spans, "socketio process say")
	sent := named(spans, "socketio send said")
	if len(handlers) != 2 || len(sent) != 2 {
		t.Fatalf("%d handlers, %d broadcasts", len(handlers), len(sent))
	}
	for i := range handlers {
		if sent[i].Parent.SpanID() != handlers[i].SpanContext.SpanID() {
			t.Error("a broadcast is not part of its handler")
		}
		if len(handlers[i].Links) != 1 || handlers[i].Links[0].SpanContext.SpanID().String() != requestSpan {
			t.Errorf("the handler has links %v", handlers[i].Links)
		}
		has(t, handlers[i], "messaging.system", "socketio")
		has(t, handlers[i], "messaging.operation.type", "process")
		has(t, handlers[i], "messaging.operation.name", "say")
		has(t, sent[i], "socketio.sockets", int64(1))
	}
	if handlers[0].Parent.SpanID().String() != eventSpan || handlers[1].Parent.IsValid() {
		t.Errorf("parents of handlers are %v and %v", handlers[0].Parent, handlers[1].Parent)
	}
	failed := one(t, spans, "socketio process fail")
	if failed.Status.Code != codes.Error || failed.Status.Description != "failed" {
		t.Errorf("a handler that fails has status %v", failed.Status)
	}
	has(t, failed, "error.type", "failed")
	one(t, spans, "socketio process other")
	if text := fmt.Sprintf("%+v", spans); strings.Contains(text, "secret") || strings.Contains(text, "of the peer") {
		t.Errorf("a span has a text of a peer, or of an error: %s", text)
	}
}

// The span of middleware around the handler of sockets comes before the header.
func TestConnContextPrefersTheSpanOfMiddleware(t *testing.T) {
	tracer := tracing.New(tracing.Options{TracerProvider: sdk.NewTracerProvider()})
	ctx, span := sdk.NewTracerProvider().Tracer("test").Start(t.Context(), "request")
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/socket.io/", nil)
	r.Header.Set("Traceparent", "00-"+requestTrace+"-"+requestSpan+"-01")
	next, end := tracer.Start(tracer.ConnContext(context.Background(), r), observe.Operation{Kind: observe.Connect})
	defer end(observe.Outcome{})
	if got := trace.SpanContextFromContext(next).TraceID(); got != span.SpanContext().TraceID() {
		t.Errorf("the connect is of trace %s", got)
	}
	if plain := httptest.NewRequest(http.MethodGet, "/socket.io/", nil); tracer.ConnContext(context.Background(), plain) != context.Background() {
		t.Error("a request without a trace changes the context")
	}
}

// A fetch of keys, a revocation and a batch have spans, and a failure is an error.
func TestOtherSpans(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	tracer := tracing.New(tracing.Options{TracerProvider: sdk.NewTracerProvider(sdk.WithSyncer(exporter))})
	for _, kind := range []observe.Kind{observe.FetchKeys, observe.Revoke, observe.Publish, 100} {
		_, running := observe.Begin(t.Context(), tracer, observe.Operation{Kind: kind, Issuer: "https://issuer.example"})
		running.End(observe.Outcome{Result: string(jwks.FailureTimeout), Count: 3})
	}
	spans := exporter.GetSpans()
	has(t, one(t, spans, "jwks fetch"), "socketio.issuer", "https://issuer.example")
	has(t, one(t, spans, "auth revoke"), "socketio.sockets", int64(3))
	has(t, one(t, spans, "redis publish"), "messaging.batch.message_count", int64(3))
	for _, s := range spans {
		if s.Status.Code != codes.Error {
			t.Errorf("%s has status %v", s.Name, s.Status)
		}
	}
}

// docs/metrics.md lists the spans with their kinds.
func TestDocumentListsSpans(t *testing.T) {
	document, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	exporter := tracetest.NewInMemoryExporter()
	tracer := tracing.New(tracing.Options{TracerProvider: sdk.NewTracerProvider(sdk.WithSyncer(exporter))})
	for kind := observe.Connect; kind.String() != "unknown"; kind++ {
		_, running := observe.Begin(t.Context(), tracer, observe.Operation{Kind: kind, Namespace: "NAMESPACE", Event: "EVENT"})
		running.End(observe.Outcome{Result: observe.OK})
	}
	for _, span := range exporter.GetSpans() {
		if row := fmt.Sprintf("\n| `%s` | %s |", span.Name, span.SpanKind); !strings.Contains(string(document), row) {
			t.Errorf("docs/metrics.md has no row %s", row)
		}
	}
}
