package hidden_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"socketiojwt/internal/hidden"
)

type secret struct{ text string }

type key struct{}

// fmt calls no methods on unexported fields and on the values of a context, and prints what a
// pointer there points to if the verb does not fit.
func TestValueIsNotPrinted(t *testing.T) {
	value := hidden.Of(&secret{"hunter2"})
	holder := struct{ h hidden.Value[*secret] }{value}
	ctx := context.WithValue(context.Background(), key{}, value)
	for name, v := range map[string]any{
		"itself": value, "a pointer to it": &value, "in a field": holder, "in a context": ctx, "a context in a field": struct{ ctx context.Context }{ctx},
	} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%p"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		encoded, _ := json.Marshal(v)
		out.Write(encoded)
		if strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("%s is printed:\n%s", name, &out)
		}
	}
	if got := value.Get().text; got != "hunter2" {
		t.Errorf("Get returned %q", got)
	}
	if got := (hidden.Value[*secret]{}).Get(); got != nil {
		t.Errorf("the zero Value holds %v", got)
	}
}

func TestTextIsPrintedAlike(t *testing.T) {
	text := hidden.Text("a key")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, text); got != "a key" {
			t.Errorf("%s: %q", verb, got)
		}
	}
	if got, err := json.Marshal(text); err != nil || string(got) != `"a key"` {
		t.Errorf("JSON: %s, %v", got, err)
	}
	if got := slog.AnyValue(text).Resolve().String(); got != "a key" {
		t.Errorf("slog: %q", got)
	}
}
