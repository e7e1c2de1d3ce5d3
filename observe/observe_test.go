package observe_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"socketiojwt/observe"
)

type key string

// recorder writes down what it is told.
type recorder struct {
	name  string
	lines *[]string
}

func (r recorder) Start(ctx context.Context, op observe.Operation) (context.Context, func(observe.Outcome)) {
	*r.lines = append(*r.lines, fmt.Sprint(r.name, " ", op.Kind, " ", op.Event))
	return context.WithValue(ctx, key(r.name), true), func(o observe.Outcome) {
		*r.lines = append(*r.lines, fmt.Sprint(r.name, " ", o.Result))
	}
}

// faulty panics where it is told to, or returns nothing.
type faulty string

func (f faulty) Start(context.Context, observe.Operation) (context.Context, func(observe.Outcome)) {
	if f == "start" {
		panic("a secret of the test")
	}
	if f == "nothing" {
		return nil, nil
	}
	return nil, func(observe.Outcome) { panic("a secret of the test") }
}

func logged(t *testing.T) *bytes.Buffer {
	was := slog.Default()
	t.Cleanup(func() { slog.SetDefault(was) })
	var out bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	return &out
}

func TestPanicOfAnObserverIsLoggedAndTheOperationContinues(t *testing.T) {
	out := logged(t)
	ctx := t.Context()
	for _, where := range []faulty{"start", "end", "nothing"} {
		next, running := observe.Begin(ctx, where, observe.Operation{Kind: observe.Connect})
		if next != ctx {
			t.Errorf("%s: the operation continues with another context", where)
		}
		running.End(observe.Outcome{Result: observe.OK})
	}
	if text := out.String(); strings.Count(text, "panic in an Observer") != 2 || strings.Contains(text, "a secret") {
		t.Errorf("logged:\n%s", text)
	}
}

func TestJoinTellsAllObservers(t *testing.T) {
	logged(t)
	var lines []string
	a, b := recorder{"a", &lines}, recorder{"b", &lines}
	ctx, running := observe.Begin(t.Context(), observe.Join(nil, a, faulty("start"), faulty("end"), b), observe.Operation{Kind: observe.Handle, Event: "e"})
	if ctx.Value(key("a")) == nil || ctx.Value(key("b")) == nil {
		t.Error("the context does not have the values of both")
	}
	running.End(observe.Outcome{Result: observe.OK})
	if want := []string{"a handle e", "b handle e", "b ok", "a ok"}; !slices.Equal(lines, want) {
		t.Errorf("told %q, want %q", lines, want)
	}
	if observe.Join(nil, nil) != nil {
		t.Error("Join of nothing is not nil")
	}
	if got := observe.Join(nil, a); got != a {
		t.Errorf("Join of one is %v", got)
	}
}

func TestNoObserverAllocatesNothing(t *testing.T) {
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { operate(ctx, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

//go:noinline
func operate(ctx context.Context, o observe.Observer) {
	_, running := observe.Begin(ctx, o, observe.Operation{Kind: observe.Handle, Namespace: "/", Event: "e"})
	running.End(observe.Outcome{Result: observe.OK})
}

func BenchmarkNoObserver(b *testing.B) {
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		operate(ctx, nil)
	}
}
