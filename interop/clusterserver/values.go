package main

import (
	"encoding/base64"

	"socketiojwt/socketio"
)

// binary is the name of the only member of an object that stands for bytes, in commands and answers.
const binary = "$binary"

// pack returns arguments for an answer of a command.
func pack(args socketio.Arguments) ([]any, error) {
	values := make([]any, args.Len())
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	if err := args.Scan(into...); err != nil {
		return nil, err
	}
	for i, v := range values {
		values[i] = packed(v)
	}
	return values, nil
}

func packed(value any) any {
	switch v := value.(type) {
	case []byte:
		return map[string]any{binary: base64.StdEncoding.EncodeToString(v)}
	case []any:
		for i := range v {
			v[i] = packed(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = packed(v[k])
		}
	}
	return value
}

// unpackAll is the reverse of pack.
func unpackAll(values []any) []any {
	for i, v := range values {
		values[i] = unpacked(v)
	}
	return values
}

func unpacked(value any) any {
	switch v := value.(type) {
	case []any:
		return any(unpackAll(v))
	case map[string]any:
		if text, ok := v[binary].(string); ok {
			bytes, _ := base64.StdEncoding.DecodeString(text)
			return bytes
		}
		for k := range v {
			v[k] = unpacked(v[k])
		}
	}
	return value
}
