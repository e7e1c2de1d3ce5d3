// Package hidden keeps secrets out of printed text: fmt, log/slog and encoders.
//
// A type whose exported fields or methods lead to a secret prints a Text instead. It has the
// four methods of Text, with value receivers, and each calls that of the Text:
//
//	func (k Key) text() hidden.Text { return "Key(not shown)" }
//
//	func (k Key) String() string               { return k.text().String() }
//	func (k Key) Format(f fmt.State, verb rune) { k.text().Format(f, verb) }
//	func (k Key) MarshalText() ([]byte, error)  { return k.text().MarshalText() }
//	func (k Key) LogValue() slog.Value          { return k.text().LogValue() }
//
// A secret in an unexported field or in a context is a Value as well, because fmt calls no
// methods there. The reasons are in docs/adr/0046-hiding-values.md.
package hidden

import (
	"fmt"
	"io"
	"log/slog"
)

// A Text is a description without secrets. Its methods may be called concurrently.
type Text string

// String returns the text.
func (t Text) String() string { return string(t) }

// Format writes the text for every verb.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, string(t)) }

// MarshalText returns the text, so that no encoder of text, such as encoding/json, writes the
// fields. It never fails. encoding/gob does not use it.
func (t Text) MarshalText() ([]byte, error) { return []byte(t), nil }

// LogValue returns the text as a string.
func (t Text) LogValue() slog.Value { return slog.StringValue(string(t)) }

// A Value holds a value that fmt prints as an address, also where it cannot call methods and
// for a wrong verb, for which it would print what a pointer points to. Encoders leave it out
// or fail. The zero Value holds the zero T. It may be copied and used concurrently.
type Value[T any] struct{ get func() T }

// Of returns a Value that holds v.
func Of[T any](v T) Value[T] { return Value[T]{func() T { return v }} }

// Get returns the value that Of was given.
func (h Value[T]) Get() (v T) {
	if h.get != nil {
		v = h.get()
	}
	return v
}
