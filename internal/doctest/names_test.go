package doctest

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// exported lists what a package offers: Name, Type.Method and Type.Field.
func exported(t *testing.T, folder string) map[string]bool {
	names := map[string]bool{}
	parsed(t, folder, func(decl ast.Decl, _ string) {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			name := decl.Name.Name
			if decl.Recv != nil {
				receiver := decl.Recv.List[0].Type
				if star, ok := receiver.(*ast.StarExpr); ok {
					receiver = star.X
				}
				if of, ok := receiver.(*ast.Ident); ok {
					name = of.Name + "." + name
				}
			}
			names[name] = true
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						names[name.Name] = true
					}
				case *ast.TypeSpec:
					names[spec.Name.Name] = true
					if of, ok := spec.Type.(*ast.StructType); ok {
						for _, field := range of.Fields.List {
							for _, name := range field.Names {
								names[spec.Name.Name+"."+name.Name] = true
							}
						}
					}
				}
			}
		}
	})
	return names
}

var (
	fences    = regexp.MustCompile("(?ms)^```.*?^```$")
	qualified = regexp.MustCompile(`\b(token|profile|jwks|auth|socketio|engineio)\.([A-Z]\w*(?:\.[A-Z]\w*)?)`)
	link      = regexp.MustCompile(`\]\(([^)#]*)#?([^)]*)\)`)
	heading   = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

func TestFromNodeNamesWhatExists(t *testing.T) {
	if packages := namesWhatExists(t, fromNode); packages != 5 {
		t.Errorf("%d packages are named", packages)
	}
}

// namesWhatExists makes sure that what the text of a document names of our packages
// exists, and so do the files and the places that it links to. It returns how many
// packages are named.
func namesWhatExists(t *testing.T, document string) (packages int) {
	t.Helper()
	text := fences.ReplaceAllString(read(t, document), "")
	offered := map[string]map[string]bool{}
	for _, name := range qualified.FindAllStringSubmatch(text, -1) {
		if offered[name[1]] == nil {
			folder := name[1]
			if folder == "profile" || folder == "jwks" {
				folder = "token/" + folder
			}
			offered[name[1]] = exported(t, folder)
		}
		if !offered[name[1]][name[2]] {
			t.Errorf("there is no %s", name[0])
		}
	}
	for _, match := range link.FindAllStringSubmatch(text, -1) {
		target := path.Join(path.Dir(document), match[1])
		if match[1] == "" {
			target = document
		}
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
			t.Errorf("a link leads nowhere: %v", err)
			continue
		}
		if match[2] != "" && !slices.Contains(anchors(read(t, target)), match[2]) {
			t.Errorf("%s has no heading for the link to #%s", target, match[2])
		}
	}
	return len(offered)
}

// anchors lists what links can name in a document: its headings, in lower case, with
// dashes.
func anchors(text string) (names []string) {
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		name := strings.ReplaceAll(strings.ToLower(match[1]), " ", "-")
		names = append(names, regexp.MustCompile(`[^\w-]`).ReplaceAllString(name, ""))
	}
	return names
}
