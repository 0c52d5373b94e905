package mlflow

import (
	"encoding/json"
	"slices"
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// createdBy is the tag in which the gate notes who made a version. Clients can neither set nor remove it: testTag.
const createdBy = ownTags + "created-by"

const duties = "separation-of-duties"

// createVersion notes who made a version, where duties are separate.
func createVersion(x *gateway.Exchange) error {
	if x.Upstream.On[duties] {
		tags, _ := x.JSON["tags"].([]any)
		x.JSON["tags"] = append(slices.Clone(tags), map[string]any{"key": createdBy, "value": x.Who.Name})
		raw, err := json.Marshal(x.JSON)
		if err != nil {
			return refuse("mlflow/fields", "the request holds a number that is none") // NaN cannot be written again
		}
		x.Raw, x.Length = raw, int64(len(raw))
	}
	return x.Forward()
}

// promote moves an alias or a stage, once that may be: by another than who made the version, where it is protected.
func promote(field string) gateway.Flow {
	return func(x *gateway.Exchange) error {
		to, err := value(x, field)
		if err != nil {
			return err
		}
		if x.Upstream.On[duties] && protected(x.Upstream, field, to) {
			if err := otherHands(x, to); err != nil {
				return err
			}
		}
		return x.Forward()
	}
}

// protected says whether duties are separate for this alias or stage.
func protected(u *gateway.Upstream, field, to string) bool {
	names, key := []string{"production", "champion"}, "protected-aliases"
	if field == "stage" {
		names, key = []string{"production"}, "protected-stages"
	}
	if list := u.Allow[key]; len(list) > 0 {
		names = list
	}
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, to) })
}

// otherHands refuses whoever made the version. Nobody knows who made those from before; only whoever manages the model may move them.
func otherHands(x *gateway.Exchange, to string) error {
	name, err := value(x, "name")
	if err != nil {
		return err
	}
	version, err := value(x, "version")
	if err != nil {
		return err
	}
	a, err := ask(x, "2.0/mlflow/model-versions/get", wire.Pair{Name: "name", Value: name}, wire.Pair{Name: "version", Value: version})
	if err != nil {
		return absent(err)
	}
	maker := tagsOf(at(a, "model_version.tags"))[createdBy]
	switch {
	case maker == x.Who.Name:
		return wire.Refuse(403, "PERMISSION_DENIED", duties, "weir gate: you made version "+version+" of "+name+", so somebody else moves it to "+to)
	case maker == "":
		v, err := theVersion(x, name, version)
		if err != nil {
			return err
		}
		if d := x.Can(auth.Manage, v); !d.Allow {
			return wire.Refuse(403, "PERMISSION_DENIED", duties, "weir gate: who made this version is not known, so only somebody who manages the model moves it to "+to)
		}
	}
	return nil
}
