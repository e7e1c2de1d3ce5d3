// Package guard describes a recovered panic for a log. It never prints the value of
// the panic, which may hold a token or another secret: it prints the type of the
// value, the text of an error of the Go runtime, and the stack.
package guard

import (
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// A Panic describes a recovered panic without its value.
type Panic struct {
	// Text is the text of an error of the Go runtime, otherwise the type of the value.
	Text string
	// At is the function, file and line that panicked. It is empty if no frame of the
	// panic is on the stack.
	At string
	// Stack is the stack of the goroutine, which has pointers and no values.
	Stack string
}

// Recovered describes value, which the caller got from recover. It must be called
// from the deferred function that recovered, so that the stack is still that of the
// panic. A nil value means that runtime.Goexit ended the goroutine.
func Recovered(value any) Panic {
	return Panic{Text: describe(value), At: site(), Stack: string(debug.Stack())}
}

// LogValue returns the panic as a group of attributes: panic, at and stack. With an
// empty key, slog puts them beside the other attributes of the line.
func (p Panic) LogValue() slog.Value {
	return slog.GroupValue(slog.String("panic", p.Text), slog.String("at", p.At), slog.String("stack", p.Stack))
}

// Attr returns the attributes of the panic for a log line.
func (p Panic) Attr() slog.Attr { return slog.Any("", p) }

// AbortHTTP is for a handler to defer. It logs a panic with msg and aborts the response
// with http.ErrAbortHandler, for which net/http logs nothing: for other panics it logs
// the value.
func AbortHTTP(log *slog.Logger, msg string) {
	switch value := recover(); value {
	case nil:
	case http.ErrAbortHandler:
		panic(value)
	default:
		log.Error(msg, Recovered(value).Attr())
		panic(http.ErrAbortHandler)
	}
}

func describe(value any) string {
	if value == nil {
		return "runtime.Goexit"
	}
	// A type outside of package runtime may implement runtime.Error too, and its text
	// may hold anything.
	if err, ok := value.(runtime.Error); ok && ofRuntime(reflect.TypeOf(value)) {
		return err.Error()
	}
	return fmt.Sprintf("%T", value)
}

func ofRuntime(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == "runtime" || strings.HasPrefix(t.PkgPath(), "internal/runtime/")
}

// site returns the frame below the last frame of the runtime's panic.
func site() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	panicking := false
	for {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		switch {
		case inRuntime:
			panicking = panicking || strings.Contains(f.Function, "panic")
		case panicking:
			return f.Function + " " + f.File + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return ""
		}
	}
}
