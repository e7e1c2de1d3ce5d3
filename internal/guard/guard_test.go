package guard

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

const secret = "eyJhbGciOiJIUzI1NiJ9.e30.secret"

// An impostor implements runtime.Error outside of package runtime.
type impostor struct{ text string }

func (i impostor) Error() string { return i.text }
func (impostor) RuntimeError()   {}

func recovered(f func()) (p Panic) {
	defer func() { p = Recovered(recover()) }()
	f()
	return p
}

func TestAbortHTTP(t *testing.T) {
	for name, value := range map[string]any{"nothing": nil, "abort": http.ErrAbortHandler, "secret": secret, "slice": []string{secret}} {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var rest any
		func() {
			defer func() { rest = recover() }()
			defer AbortHTTP(log, "panic in a handler")
			if value != nil {
				panic(value)
			}
		}()
		logged := strings.Contains(out.String(), "panic in a handler")
		if want := value != nil && name != "abort"; logged != want || strings.Contains(out.String(), secret) {
			t.Errorf("%s: logged %q", name, out.String())
		}
		if value == nil && rest != nil || value != nil && rest != any(http.ErrAbortHandler) {
			t.Errorf("%s: the panic went on with %v", name, rest)
		}
	}
}

func TestRecoveredPrintsNoValue(t *testing.T) {
	var none map[string]int
	index, text := 5, any(secret)
	for name, tc := range map[string]struct {
		f    func()
		want string
	}{
		"string":        {func() { panic(secret) }, "string"},
		"error":         {func() { panic(errors.New(secret)) }, "*errors.errorString"},
		"wrapped error": {func() { panic(fmt.Errorf("token %s: %w", secret, errors.ErrUnsupported)) }, "*fmt.wrapError"},
		"struct":        {func() { panic(struct{ Token string }{secret}) }, "struct { Token string }"},
		"impostor":      {func() { panic(impostor{secret}) }, "guard.impostor"},
		"pointer":       {func() { panic(&impostor{secret}) }, "*guard.impostor"},
		"bytes":         {func() { panic([]byte(secret)) }, "[]uint8"},
		"nil map":       {func() { none[secret] = 1 }, "assignment to entry in nil map"},
		"index":         {func() { _ = []int{1}[index] }, "runtime error: index out of range [5] with length 1"},
		"assertion":     {func() { _ = text.(int) }, "interface conversion: interface {} is string, not int"},
		"unhashable":    {func() { _ = map[any]int{}[[]string{secret}] }, "hash of unhashable type: []string"},
		"nil":           {func() { panic(nil) }, "panic called with nil argument"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := recovered(tc.f)
			slog.New(slog.NewTextHandler(&out, nil)).Error("x", p.Attr())
			slog.New(slog.NewJSONHandler(&out, nil)).Error("x", p.Attr())
			fmt.Fprintf(&out, "%v %+v %#v", p, p, p)
			if p.Text != tc.want {
				t.Errorf("Text = %q, want %q", p.Text, tc.want)
			}
			if !strings.Contains(p.At, "TestRecoveredPrintsNoValue.func") || !strings.Contains(p.At, "guard_test.go:") {
				t.Errorf("At = %q, want the function that panicked", p.At)
			}
			if !strings.Contains(p.Stack, "guard_test.go") {
				t.Errorf("Stack does not show the test:\n%s", p.Stack)
			}
			if strings.Contains(out.String(), secret) {
				t.Errorf("the value was printed:\n%s", out.String())
			}
			if !strings.Contains(out.String(), " panic=") || !strings.Contains(out.String(), `"at":`) {
				t.Errorf("the attributes have other names:\n%s", out.String())
			}
		})
	}
}
