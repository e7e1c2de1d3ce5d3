package tokentest

import (
	"testing"

	"socketiojwt/token/mint"
)

type HostileToken struct{ Name, Compact string; Want error }

func Hostile(t testing.TB, key mint.SigningKey, claims map[string]any, header mint.Header) []HostileToken { t.Fatal("x"); return nil }
