package doctest

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A limit is an option that is a number, a size or a time.
type limit struct {
	name    string // such as Options.MaxRooms
	field   string // its last part
	unit    string
	doc     string
	zero    string // what zero means, by the comment
	isTime  bool
	members int // of options that share the comment
	member  int // its place among them
}

var (
	optionsName = regexp.MustCompile(`(?:Options|^Recovery|^Freshness)$`)
	zeroMeans   = regexp.MustCompile(`(?:^| )Zero(?: or negative)? (?:means (?:that )?)?((?:[^.]|\.\S)*)\.(?: |$)`)
	inherited   = regexp.MustCompile(`\b(?:is that|are those) of `)
	atLimit     = regexp.MustCompile(`(?i)clos|return|refuse|wait|drop|error|forg|answer|discard|fail|fewer|closed|further|bounds the time`)
	quantity    = regexp.MustCompile(`^(?:that |it )?(one|[0-9][0-9,]*) ?(ms|s|min|minutes?|h|hours?|days?|KiB|MiB|bytes)?(?: each)?$`)
)

// limitsOf lists the limits among the options of a package.
func limitsOf(t *testing.T, folder string) (all []limit) {
	t.Helper()
	parsed(t, folder, func(decl ast.Decl, _ string) {
		of, ok := decl.(*ast.GenDecl)
		if !ok || of.Tok != token.TYPE {
			return
		}
		for _, spec := range of.Specs {
			spec := spec.(*ast.TypeSpec)
			if options, ok := spec.Type.(*ast.StructType); ok && spec.Name.IsExported() && optionsName.MatchString(spec.Name.Name) {
				all = append(all, limitsIn(spec.Name.Name, options, of.Doc.Text())...)
			}
		}
	})
	return all
}

func limitsIn(name string, options *ast.StructType, general string) (all []limit) {
	general, doc, first := strings.Join(strings.Fields(general), " "), "", 0
	share := func() { // options that have the same comment
		for i := first; i < len(all); i++ {
			all[i].members, all[i].member = len(all)-first, i-first
		}
		first = len(all)
	}
	line := 0
	for _, field := range options.Fields.List {
		begins := positions.Position(field.Pos()).Line
		if field.Doc != nil || begins != line+1 {
			doc = strings.Join(strings.Fields(field.Doc.Text()), " ")
			share()
		}
		line = positions.Position(field.End()).Line
		unit := ""
		switch of := field.Type.(type) {
		case *ast.Ident:
			if of.Name == "int" || of.Name == "int64" {
				unit = "number"
				if regexp.MustCompile(`\b(bytes|KiB|MiB)\b`).MatchString(doc) {
					unit = "bytes"
				}
			}
		case *ast.SelectorExpr:
			if of.Sel.Name == "Duration" {
				unit = "time"
			}
		}
		if unit == "" {
			continue
		}
		zero := ""
		if match := zeroMeans.FindStringSubmatch(doc); match != nil {
			zero = match[1]
		}
		told := strings.TrimSpace(zeroMeans.ReplaceAllString(doc, " "))
		if zero == "" && inherited.MatchString(doc) {
			zero = "as there"
		}
		if strings.Contains(general, "the connection of a peer that exceeds a limit is closed") && !atLimit.MatchString(told) {
			told += " Exceeding it closes the connection."
		}
		for _, ident := range field.Names {
			all = append(all, limit{name: name + "." + ident.Name, field: ident.Name, unit: unitOf(unit, ident.Name), doc: told, zero: zero, isTime: unit == "time"})
		}
	}
	share()
	return all
}

// unitOf corrects the unit of options whose comment also tells of bytes of another one.
func unitOf(unit, field string) string {
	counted := []string{"MaxKeys", "MaxPackets", "EarlyEvents", "MaxEntries", "MaxRemembered", "MaxNewPerAddress", "MaxSessions"}
	if unit == "bytes" && slices.Contains(counted, field) {
		return "number"
	}
	return unit
}

// own returns what zero means for this option if several share a comment.
func (l limit) own() string {
	parts := regexp.MustCompile(`, and | and |, `).Split(l.zero, -1)
	if l.members > 1 && len(parts) == l.members {
		return parts[l.member]
	}
	return l.zero
}

// parseZero returns the number of a text such as "4 KiB", with times in nanoseconds.
func parseZero(text string) (int64, bool) {
	for _, remark := range []string{";", " (", ", which", ", as", ", and", ", negative"} {
		text, _, _ = strings.Cut(text, remark)
	}
	match := quantity.FindStringSubmatch(strings.TrimSuffix(text, " here"))
	if match == nil {
		return 0, false
	}
	n := int64(1)
	if match[1] != "one" {
		n, _ = strconv.ParseInt(strings.ReplaceAll(match[1], ",", ""), 10, 64)
	}
	units := map[string]int64{"ms": int64(time.Millisecond), "s": int64(time.Second), "min": int64(time.Minute), "minute": int64(time.Minute),
		"h": int64(time.Hour), "hour": int64(time.Hour), "day": 24 * int64(time.Hour), "KiB": 1 << 10, "MiB": 1 << 20, "": 1, "byte": 1}
	factor, ok := units[match[2]]
	if !ok {
		factor = units[strings.TrimSuffix(match[2], "s")]
	}
	return n * factor, true
}

// defaultsOf lists the values with which the code of a package replaces zero, by the name of
// the option.
func defaultsOf(t *testing.T, folder string) map[string][]int64 {
	t.Helper()
	values, found := constantsOf(t, folder), map[string][]int64{}
	note := func(field string, of ast.Expr) {
		if n, ok := values.integer(of); ok && field != "" {
			found[field] = append(found[field], n)
		}
	}
	noteSet := func(condition ast.Expr, then ast.Stmt) {
		cond, _ := condition.(*ast.BinaryExpr)
		set, _ := then.(*ast.AssignStmt)
		if cond != nil && set != nil && (cond.Op == token.EQL || cond.Op == token.LEQ) && nameOf(set.Lhs[0]) == nameOf(cond.X) {
			note(nameOf(cond.X), set.Rhs[0])
		}
	}
	for _, name := range filesOf(t, folder) {
		ast.Inspect(parse(t, name), func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.CallExpr: // setDefault(&o.Field, value), cmp.Or(o.Field, value)
				if fun := nameOf(node.Fun); (fun == "setDefault" || fun == "Or") && len(node.Args) >= 2 {
					note(nameOf(node.Args[0]), node.Args[len(node.Args)-1])
				}
			case *ast.CompositeLit: // {"Field", &o.Field, value}
				for i, element := range node.Elts {
					if address, ok := element.(*ast.UnaryExpr); ok && address.Op == token.AND && i+1 < len(node.Elts) {
						note(nameOf(address), node.Elts[i+1])
					}
				}
			case *ast.CaseClause: // case o.Field == 0: o.Field = value
				if len(node.List) == 1 && len(node.Body) > 0 {
					noteSet(node.List[0], node.Body[0])
				}
			case *ast.IfStmt: // if o.Field == 0 { o.Field = value }
				if len(node.Body.List) > 0 {
					noteSet(node.Cond, node.Body.List[0])
				}
			}
			return true
		})
	}
	return found
}

// nameOf returns the last name of an expression such as &o.Field, with a capital.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.UnaryExpr:
		return nameOf(e.X)
	case *ast.CallExpr:
		if len(e.Args) == 1 { // a conversion
			return nameOf(e.Args[0])
		}
	case *ast.Ident:
		if e.Name != "setDefault" {
			return strings.ToUpper(e.Name[:1]) + e.Name[1:]
		}
		return e.Name
	case *ast.SelectorExpr:
		return nameOf(e.Sel)
	}
	return ""
}

// passedOn are options whose zero value goes to an option of another package.
var passedOn = map[string][2]string{
	"auth.EventOptions.EarlyEvents": {"socketio", "Events"},
	"auth.EventOptions.EarlyBytes":  {"socketio", "Bytes"},
}

// docs/limits.md has each option that is a number, a size or a time, with what its comment says.
// The default in the comment is that of the code.
func TestLimits(t *testing.T) {
	var page strings.Builder
	count := 0
	for _, folder := range library(t) {
		limits := limitsOf(t, folder)
		if len(limits) == 0 {
			continue
		}
		fmt.Fprintf(&page, "\n## %s\n\n| option | unit | default | meaning, and what happens at the limit |\n|---|---|---|---|\n", folder)
		defaults := defaultsOf(t, folder)
		for _, l := range limits {
			count++
			option := path.Base(folder) + "." + l.name
			zero := l.own()
			says, isNumber := parseZero(zero)
			code := defaults[l.field]
			if other, ok := passedOn[option]; ok {
				code = defaultsOf(t, other[0])[other[1]]
			}
			switch {
			case l.zero == "":
				t.Errorf("the comment of %s does not say what zero means", option)
			case isNumber && !slices.Contains(code, says):
				t.Errorf("the comment of %s says that zero means %s, but the code has %v", option, zero, code)
			case !isNumber && len(code) > 0 && !regexp.MustCompile(`^(no|none|not|any|never|as)\b`).MatchString(zero) && !strings.HasPrefix(zero, "30 days or"):
				t.Errorf("the comment of %s says that zero means %q, but the code has %v", option, zero, code)
			case strings.Contains(l.doc, l.field+" bounds") && !atLimit.MatchString(l.doc):
				t.Errorf("the comment of %s does not say what happens at the bound", option)
			}
			fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", l.name, l.unit, cell(zero), cell(l.doc))
		}
	}
	if code := defaultsOf(t, "socketio")["MaxNewPerAddress"]; !slices.Equal(code, []int64{1000}) { // which the page says
		t.Errorf("socketio has %v for Engine.MaxNewPerAddress", code)
	}
	if count < 80 {
		t.Errorf("only %d limits found", count)
	}
	generated(t, "docs/limits.md", "limits", page.String()+"\n")
}
