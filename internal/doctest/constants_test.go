package doctest

import (
	"go/ast"
	"go/constant"
	"go/token"
	"testing"
	"time"
)

// constants evaluates constant expressions of a package.
type constants map[string]ast.Expr // by their names

var durations = map[string]time.Duration{
	"Nanosecond": time.Nanosecond, "Microsecond": time.Microsecond, "Millisecond": time.Millisecond,
	"Second": time.Second, "Minute": time.Minute, "Hour": time.Hour,
}

func constantsOf(t *testing.T, folder string) constants {
	t.Helper()
	found := constants{}
	for _, name := range filesOf(t, folder) {
		for _, decl := range parse(t, name).Decls {
			of, ok := decl.(*ast.GenDecl)
			if !ok || of.Tok != token.CONST {
				continue
			}
			for _, spec := range of.Specs {
				spec := spec.(*ast.ValueSpec)
				for i, name := range spec.Names {
					if i < len(spec.Values) {
						found[name.Name] = spec.Values[i]
					}
				}
			}
		}
	}
	return found
}

// integer returns the value of an expression, if it is a constant of the package.
func (c constants) integer(e ast.Expr) (int64, bool) {
	value := c.value(e)
	if value == nil {
		return 0, false
	}
	return constant.Int64Val(constant.ToInt(value))
}

// text is integer for strings.
func (c constants) text(e ast.Expr) (string, bool) {
	value := c.value(e)
	if value == nil || value.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(value), true
}

func (c constants) value(e ast.Expr) constant.Value {
	switch e := e.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(e.Value, e.Kind, 0)
	case *ast.ParenExpr:
		return c.value(e.X)
	case *ast.Ident:
		if of, ok := c[e.Name]; ok {
			return c.value(of)
		}
	case *ast.SelectorExpr:
		if pkg, ok := e.X.(*ast.Ident); ok && pkg.Name == "time" {
			if d, ok := durations[e.Sel.Name]; ok {
				return constant.MakeInt64(int64(d))
			}
		}
	case *ast.BinaryExpr:
		x, y := c.value(e.X), c.value(e.Y)
		if x == nil || y == nil {
			return nil
		}
		switch e.Op {
		case token.SHL:
			if n, ok := constant.Uint64Val(y); ok {
				return constant.Shift(x, token.SHL, uint(n))
			}
		case token.ADD, token.SUB, token.MUL:
			return constant.BinaryOp(x, e.Op, y)
		}
	}
	return nil
}
