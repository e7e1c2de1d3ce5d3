package doctest

import (
	"go/ast"
	"regexp"
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
)

func TestFromNodeNamesWhatExists(t *testing.T) {
	if packages := namesWhatExists(t, fromNode); packages != 5 {
		t.Errorf("%d packages are named", packages)
	}
}

// namesWhatExists makes sure that what the text of a document names of our packages
// exists. It returns how many packages are named.
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
	return len(offered)
}
