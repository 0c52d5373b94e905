package mlflow

import (
	"slices"
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/mlflow/flow"
	"weir/internal/gateway/wire"
)

const duties = "separation-of-duties"

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
		if field != "stage" || !strings.EqualFold(to, "none") && !strings.EqualFold(to, "archived") {
			if err := deployable(x); err != nil {
				return err
			}
		}
		return x.Forward()
	}
}

// deployable refuses versions whose content is not good enough to be served.
func deployable(x *gateway.Exchange) error {
	name, err := value(x, "name")
	if err != nil {
		return err
	}
	version, err := value(x, "version")
	if err != nil {
		return err
	}
	return flow.Deployable(x, name, version)
}

// finalize declares a logged model ready or failed; it is ready only when its content may pass.
func finalize(x *gateway.Exchange) error {
	if status, _ := text(x.JSON["status"]); !strings.Contains(status, "FAILED") {
		if err := flow.CheckLoggedModel(x); err != nil {
			return err
		}
	}
	return x.Forward()
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
	who, err := versionMaker(x, name, version)
	if err != nil {
		return err
	}
	switch {
	case who == x.Who.Name:
		return wire.Refuse(403, "PERMISSION_DENIED", duties, "weir gate: you made version "+version+" of "+name+", so somebody else moves it to "+to)
	case who == "":
		v, err := theVersion(x, name, version)
		if err != nil {
			return err
		}
		d, err := may(x, auth.Manage, v)
		if err != nil {
			return err
		}
		if !d.Allow {
			return wire.Refuse(403, "PERMISSION_DENIED", duties, "weir gate: who made this version is not known, so only somebody who manages the model moves it to "+to)
		}
	}
	return nil
}
