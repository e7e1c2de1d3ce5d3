package token_test

import (
	"testing"

	"socketiojwt/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
