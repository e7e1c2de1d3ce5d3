package tracing_test

import (
	"context"
	"log"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"go.opentelemetry.io/otel/attribute"

	"socketiojwt/auth"
	"socketiojwt/metrics"
	"socketiojwt/observe"
	"socketiojwt/socketio"
	"socketiojwt/token"
	"socketiojwt/tracing"
)

// newExporter stands for an exporter of OpenTelemetry, such as that for a collector:
//
//	otlptracehttp.New(ctx) // go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp
//
// It reads OTEL_EXPORTER_OTLP_ENDPOINT and the other variables of the specification.
var newExporter func(ctx context.Context) (sdk.SpanExporter, error)

// A program with traces and metrics. The program ends the provider last, so that the last spans
// are exported.
func Example() {
	ctx := context.Background()
	exporter, err := newExporter(ctx)
	if err != nil {
		log.Fatal(err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(0.01))),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "chat"))),
	)
	defer func() { _ = provider.Shutdown(ctx) }()
	tracer := tracing.New(tracing.Options{
		TracerProvider: provider,
		// Clients may add {"trace":{"traceparent":"00-..."}} as the last argument of an event.
		EventCarrier: func(e *socketio.Event) propagation.TextMapCarrier {
			var meta struct {
				Trace propagation.MapCarrier `json:"trace"`
			}
			if n := e.Len(); n == 0 || e.Drop(n-1).Scan(&meta) != nil {
				return nil
			}
			return meta.Trace
		},
	})
	figures := metrics.New()
	observer := observe.Join(figures, tracer)

	verifier, err := token.NewVerifier(token.Secret("a shared secret of at least 32 bytes"), token.Options{})
	if err != nil {
		log.Fatal(err)
	}
	gate, err := auth.NewGate(verifier, auth.Options{Observer: observer})
	if err != nil {
		log.Fatal(err)
	}
	srv, err := socketio.NewServer(socketio.Options{Observer: observer, ConnContext: tracer.ConnContext})
	if err != nil {
		log.Fatal(err)
	}
	srv.Use(gate.Handshake)
	srv.Handle("say", func(ctx context.Context, _ *socketio.Socket, e *socketio.Event) error {
		return srv.WithContext(ctx).Emit("said", e.Args()...)
	})
	figures.Server(srv)
	figures.Gate("/", gate)
}
