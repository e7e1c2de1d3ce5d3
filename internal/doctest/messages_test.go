package doctest

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
)

const messages = "docs/messages.md"

// A message is a row of docs/messages.md: a text that the code has, and what it means. What to
// do is in the last column, which is written by hand and is kept.
type message struct {
	text  string   // the first cell, which identifies the row
	cells []string // that follow
	told  bool     // an operator or a programmer must know what to do
}

// table returns the rows in Markdown, with what to do from the page.
func table(t *testing.T, part string, header string, rows []message) string {
	t.Helper()
	kept := rowsOf(t, messages, part)
	var out strings.Builder
	fmt.Fprintf(&out, "\n| %s | what to do |\n%s\n", header, strings.Repeat("|---", strings.Count(header, "|")+2)+"|")
	for _, row := range rows {
		todo := ""
		if before := kept[row.text]; len(before) == len(row.cells)+2 {
			todo = before[len(before)-1]
		}
		if row.told && todo == "" {
			t.Errorf("%s does not say what to do about %s: run UPDATE=1 go test ./internal/doctest, and fill in the last column", messages, row.text)
		}
		fmt.Fprintf(&out, "| %s | %s | %s |\n", row.text, strings.Join(row.cells, " | "), todo)
	}
	return out.String() + "\n"
}

// A declared constant or variable with its comment.
type declared struct {
	folder, name, doc, typ string
	value                  ast.Expr
}

// declaredIn lists the constants and variables of a package.
func declaredIn(t *testing.T, folder string) (all []declared) {
	t.Helper()
	for _, name := range filesOf(t, folder) {
		for _, decl := range parse(t, name).Decls {
			of, ok := decl.(*ast.GenDecl)
			if !ok || of.Tok != token.CONST && of.Tok != token.VAR {
				continue
			}
			for _, spec := range of.Specs {
				spec := spec.(*ast.ValueSpec)
				doc := spec.Doc.Text()
				switch {
				case doc == "" && spec.Comment != nil:
					doc = spec.Comment.Text()
				case doc == "" && len(of.Specs) == 1:
					doc = of.Doc.Text()
				}
				typ, _ := spec.Type.(*ast.Ident)
				for i, name := range spec.Names {
					if i < len(spec.Values) {
						d := declared{folder: folder, name: name.Name, doc: cell(doc), value: spec.Values[i]}
						if typ != nil {
							d.typ = typ.Name
						}
						all = append(all, d)
					}
				}
			}
		}
	}
	return all
}

// errorText returns the text of an expression such as errors.New("text"), with ... for what is
// formatted.
func errorText(e ast.Expr) (string, bool) {
	call, ok := e.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 || !slices.Contains([]string{"New", "Errorf"}, nameOf(call.Fun)) {
		return "", false
	}
	text, ok := joined(call.Args[0])
	return regexp.MustCompile(`%[-+#.0-9]*[a-zA-Z]`).ReplaceAllString(text, "..."), ok
}

// joined returns the text of literals that are joined by +, with ... for the other parts.
func joined(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return constants(nil).text(e)
		}
	case *ast.BinaryExpr:
		left, ok := joined(e.X)
		right, also := joined(e.Y)
		switch {
		case e.Op != token.ADD || !ok && !also:
			return "", false
		case !ok:
			return "..." + right, true
		case !also:
			return left + "...", true
		}
		return left + right, true
	}
	return "", false
}

// Each exported error is on the page, with its text and its comment.
func TestErrorsAreListed(t *testing.T) {
	var rows []message
	for _, folder := range library(t) {
		for _, d := range declaredIn(t, folder) {
			if !strings.HasPrefix(d.name, "Err") {
				continue
			}
			text, ok := errorText(d.value)
			if !ok {
				text = "see the other package"
			}
			if d.doc == "" {
				t.Errorf("%s.%s has no comment", folder, d.name)
			}
			rows = append(rows, message{"`" + folder + "." + d.name + "`", []string{cell(text), d.doc}, true})
		}
	}
	if len(rows) < 50 {
		t.Errorf("only %d errors found", len(rows))
	}
	generated(t, messages, "errors", table(t, "errors", "error | text | when", rows))
}

// Each reason that a client gets is on the page, with its messages and codes.
func TestReasonsAreListed(t *testing.T) {
	values := constantsOf(t, "auth")
	told := map[string][][2]string{} // messages and codes, by the reason
	temporary := map[string]bool{}
	for _, d := range declaredIn(t, "auth") {
		list, ok := d.value.(*ast.CompositeLit)
		if !ok || d.name != "refusals" && d.name != "badTokens" {
			continue
		}
		for _, element := range list.Elts {
			of := element.(*ast.CompositeLit).Elts
			text, _ := joined(of[1])
			code := "invalid_token"
			if len(of) == 5 {
				code, _ = values.text(of[2])
				if again, ok := of[4].(*ast.Ident); ok && again.Name == "true" {
					temporary[nameOf(of[3])] = true
				}
			}
			reason := nameOf(of[min(3, len(of)-1)])
			if len(of) == 3 {
				reason = nameOf(of[2])
			}
			if row := [2]string{"`" + text + "`", "`" + code + "`"}; !slices.Contains(told[reason], row) {
				told[reason] = append(told[reason], row)
			}
		}
	}
	var rows []message
	for _, d := range declaredIn(t, "auth") {
		if d.typ != "Reason" {
			continue
		}
		reason, _ := values.text(d.value)
		var texts, codes []string
		for _, pair := range told[d.name] {
			if !slices.Contains(texts, pair[0]) {
				texts = append(texts, pair[0])
			}
			if !slices.Contains(codes, pair[1]) {
				codes = append(codes, pair[1])
			}
		}
		again := "no"
		if temporary[d.name] {
			again = "yes"
		}
		rows = append(rows, message{"`" + reason + "`", []string{strings.Join(texts, ", "), strings.Join(codes, ", "), again, d.doc}, true})
	}
	if len(rows) < 30 {
		t.Errorf("only %d reasons found", len(rows))
	}
	generated(t, messages, "reasons", table(t, "reasons", "reason | message | code | temporary | why", rows))
}

// Each reason for the end of a socket or session is on the page, and so is each response by which a
// request is refused.
func TestEndsAreListed(t *testing.T) {
	var rows []message
	for _, folder := range []string{"engineio", "socketio"} {
		for _, d := range declaredIn(t, folder) {
			if text, ok := constantsOf(t, folder).text(d.value); ok && d.typ == "Reason" {
				rows = append(rows, message{"`" + text + "`", []string{"`" + folder + "." + d.name + "`", strings.TrimPrefix(d.doc, d.name+": ")}, true})
			}
		}
	}
	generated(t, messages, "ends", table(t, "ends", "reason | name | when", rows))

	rows = nil
	for _, d := range declaredIn(t, "engineio") {
		address, _ := d.value.(*ast.UnaryExpr)
		if address == nil || !strings.HasPrefix(d.name, "refuse") {
			continue
		}
		of, _ := address.X.(*ast.CompositeLit)
		text, _ := joined(of.Elts[2])
		if text == "" {
			text = "(no body)"
		}
		status := strings.TrimPrefix(nameOf(of.Elts[0]), "Status")
		rows = append(rows, message{cell(text) + ", " + status, []string{of.Elts[1].(*ast.BasicLit).Value}, true})
	}
	if len(rows) < 10 {
		t.Errorf("only %d responses found", len(rows))
	}
	generated(t, messages, "responses", table(t, "responses", "message and status | code", rows))
}

// Each code that a client gets is on the page: those of refusals, and those of events that did not
// reach the backend.
func TestCodesAreListed(t *testing.T) {
	var rows []message
	for _, folder := range library(t) {
		values := constantsOf(t, folder)
		for _, d := range declaredIn(t, folder) {
			if text, ok := values.text(d.value); ok && regexp.MustCompile(`^code[A-Z]`).MatchString(d.name) {
				rows = append(rows, message{"`" + text + "` of " + folder, []string{d.doc}, true})
			}
		}
	}
	if len(rows) < 10 {
		t.Errorf("only %d codes found", len(rows))
	}
	generated(t, messages, "codes", table(t, "codes", "code | when", rows))
}

// levels are those of functions of ours that log.
var levels = map[string]string{
	"Debug": "Debug", "DebugContext": "Debug", "Info": "Info", "InfoContext": "Info", "Warn": "Warn", "WarnContext": "Warn",
	"Error": "Error", "ErrorContext": "Error", "AbortHTTP": "Error",
	"warn": "Warn", "failed": "Warn", "audit": "Info, or Error if it failed", "revokeAndLog": "Info, or Error if it failed",
	"logLease": "Debug", "logEnd": "Info", "logRefusal": "Info, or Warn if temporary",
}

var prefixed = regexp.MustCompile(`^(?:auth(?:/\w+)?|admin|engineio|socketio(?: client)?|redisbus|jwks|introspect|token|upstream|tracing|metrics): .`)

// Each line that the packages and the command log is on the page.
func TestLogLinesAreListed(t *testing.T) {
	found := map[string][]string{} // levels, by the line
	folders := append(library(t), "cmd/socketio-jwt")
	for _, folder := range folders {
		for _, name := range filesOf(t, folder) {
			lines := logLines{command: strings.HasPrefix(folder, "cmd/"), found: found}
			ast.Inspect(parse(t, name), lines.visit)
		}
	}
	var rows []message
	for text, levels := range found {
		slices.Sort(levels)
		level := strings.Join(slices.Compact(levels), ", ")
		if level == "" {
			level = "varies"
		}
		rows = append(rows, message{"`" + cell(text) + "`", []string{level}, strings.Contains(level, "Warn") || strings.Contains(level, "Error") || level == "varies"})
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].text < rows[j].text })
	if len(rows) < 90 {
		t.Errorf("only %d log lines found", len(rows))
	}
	generated(t, messages, "log", table(t, "log", "line | level", rows))
}

// logLines collects the texts that a file logs.
type logLines struct {
	command bool
	found   map[string][]string
}

func (l logLines) visit(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.CallExpr:
		return l.call(node)
	case *ast.ReturnStmt: // texts of errors
		return hasCall(node)
	case *ast.BasicLit: // such as a constant that is logged
		if text, ok := joined(node); ok && prefixed.MatchString(text) {
			l.note(text, "")
		}
	}
	return true
}

// hasCall reports whether a statement calls a function that logs.
func hasCall(node ast.Node) (logs bool) {
	ast.Inspect(node, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok {
			if _, known := levels[calleeOf(call)]; known {
				logs = true
			}
		}
		return !logs
	})
	return logs
}

func calleeOf(call *ast.CallExpr) string {
	switch of := call.Fun.(type) {
	case *ast.Ident:
		return of.Name
	case *ast.SelectorExpr:
		return of.Sel.Name
	}
	return ""
}

func (l logLines) call(call *ast.CallExpr) bool {
	callee := calleeOf(call)
	switch callee {
	case "New", "Errorf", "panic", "Sum", "Share", "Sprintf", "Sprint", "fail", "check", "MustCompile":
		return false // not a log line
	}
	level, logs := levels[callee]
	if of, ok := call.Fun.(*ast.SelectorExpr); ok && l.command && logs && nameOf(of.X) == "Http" {
		return true
	}
	for _, arg := range call.Args {
		if of, ok := arg.(*ast.SelectorExpr); ok && strings.HasPrefix(of.Sel.Name, "Level") && nameOf(of.X) == "Slog" {
			level = strings.TrimPrefix(of.Sel.Name, "Level")
		}
	}
	noted := false
	for i, arg := range call.Args {
		text, ok := joined(arg)
		if ok && !noted && (prefixed.MatchString(text) || l.command && logs && i == strings.Count(callee, "Context")) {
			l.note(text, level)
			noted = true
			continue
		}
		ast.Inspect(arg, l.visit)
	}
	ast.Inspect(call.Fun, l.visit)
	return false
}

func (l logLines) note(text, level string) {
	if text == "admin: ..." || path.Ext(text) == ".go" {
		return // docs/lifetime.md has the lines of operators
	}
	if l.found[text] == nil {
		l.found[text] = []string{}
	}
	if level != "" {
		l.found[text] = append(l.found[text], level)
	}
}
