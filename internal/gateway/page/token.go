package page

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/auth"
)

// life are the lengths of life that the form offers, in days.
var life = []int{1, 7, 30, 90, 365}

// kinds are what a token may be limited to.
var kinds = []struct {
	Name, Title string
	Actions     []auth.Action
}{
	{"all", "everything that the account may do", nil},
	{"read", "reading and downloading", []auth.Action{auth.Read, auth.Download}},
	{"write", "reading, downloading, writing and predicting", []auth.Action{auth.Read, auth.Download, auth.Write, auth.Predict}},
	{"predict", "asking models for predictions", []auth.Action{auth.Predict}},
}

type tokenRow struct {
	auth.Token
	Own, Over bool
	State     string
}

type tokenList struct {
	Rows  []tokenRow
	More  int
	May   bool // a token may be made from here
	Life  []int
	Kinds any
	New   string // the one that was just made
	ID    string
	Error string
}

func (p *Pages) tokens(v *visit) error {
	return p.showTokens(v, http.StatusOK, tokenList{})
}

func (p *Pages) showTokens(v *visit, status int, list tokenList) error {
	account := v.who.Name
	if p.manages(v) {
		account = ""
	}
	all, err := p.Tokens.Tokens(v.r.Context(), account)
	if err != nil {
		return err
	}
	list.May, list.Life, list.Kinds = mayMake(v), life, kinds
	now := time.Now()
	slices.Reverse(all) // newest first
	for _, t := range all {
		row := tokenRow{Token: t, Own: t.Account == v.who.Name, State: "in use"}
		switch {
		case !t.Revoked.IsZero():
			row.Over, row.State = true, "revoked"
		case !t.Expires.IsZero() && !now.Before(t.Expires):
			row.Over, row.State = true, "expired"
		}
		if len(list.Rows) == maxRows {
			list.More++
			continue
		}
		list.Rows = append(list.Rows, row)
	}
	slices.SortStableFunc(list.Rows, func(a, b tokenRow) int { return rank(a) - rank(b) })
	return p.show(v, status, "tokens", "Tokens", list)
}

// rank puts the visitor's own tokens first and those that are over last.
func rank(t tokenRow) int {
	n := 0
	if !t.Own {
		n++
	}
	if t.Over {
		n += 2
	}
	return n
}

// mayMake says whether a token may be made: not by whoever shows one. Else a token that was stolen could outlive its end, and one that is
// limited could make another that is not.
func mayMake(v *visit) bool {
	return v.who.Token == "" && v.who.Scopes == nil && v.who.Method != "token"
}

func (p *Pages) newToken(v *visit) error {
	if !mayMake(v) {
		return &problem{http.StatusForbidden, "A token cannot make tokens. Log in with a password or your organisation's account."}
	}
	note, err := v.text("note", 200)
	if err != nil {
		return err
	}
	days, err := strconv.Atoi(v.r.PostForm.Get("days"))
	if err != nil || !slices.Contains(life, days) {
		return &problem{http.StatusBadRequest, "Choose how long the token lives."}
	}
	server, err := v.text("server", 128)
	if err != nil {
		return err
	}
	name, err := v.text("name", 256)
	if err != nil {
		return err
	}
	scope := auth.Scope{Server: server, Name: name}
	known := false
	for _, k := range kinds {
		if k.Name == v.r.PostForm.Get("kind") {
			scope.Actions, known = k.Actions, true
		}
	}
	if !known {
		return &problem{http.StatusBadRequest, "Choose what the token is for."}
	}
	var scopes []auth.Scope
	if server != "" || name != "" || scope.Actions != nil {
		scopes = []auth.Scope{scope}
	}
	if err := p.record(v, "new-token", "account:"+v.who.Name, note, ""); err != nil {
		return err
	}
	shown, t, err := p.Tokens.NewToken(v.r.Context(), v.who.Name, note, time.Duration(days)*24*time.Hour, scopes)
	if err != nil {
		return p.showTokens(v, http.StatusBadRequest, tokenList{Error: err.Error()})
	}
	return p.showTokens(v, http.StatusOK, tokenList{New: shown, ID: t.ID})
}

func (p *Pages) revoke(v *visit) error {
	id := v.r.PathValue("id")
	account := v.who.Name
	if p.manages(v) {
		account = ""
	}
	all, err := p.Tokens.Tokens(v.r.Context(), account)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(t auth.Token) bool { return t.ID == id })
	if i < 0 {
		return &problem{http.StatusNotFound, "You have no such token."}
	}
	if v.who.Scopes != nil && all[i].ID != strings.TrimPrefix(v.who.Token, "weir_") {
		return &problem{http.StatusForbidden, "A limited token can end itself only."}
	}
	if err := p.record(v, "revoke-token", "token:weir_"+id, "of "+all[i].Account, ""); err != nil {
		return err
	}
	if err := p.Tokens.RevokeToken(v.r.Context(), id); err != nil {
		return err
	}
	seeOther(v.w, p.Base+"tokens?done=revoked")
	return nil
}
