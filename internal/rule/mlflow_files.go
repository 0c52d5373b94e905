package rule

import (
	"fmt"
	"strings"

	"weir"
)

// h2oHarmless are arguments of h2o.init that size a local server or make it talk (h2o-py/h2o/h2o.py, init).
var h2oHarmless = set(`nthreads max_mem_size min_mem_size port strict_version_check log_level name verbose as_port enable_assertions force_connect`)

// jvmRuns tells JVM arguments that run or load something (the java command's documentation: -javaagent, -agentlib, -agentpath,
// -XX:OnError, -XX:OnOutOfMemoryError, argument files, class paths).
var jvmRuns = weir.Pattern(`(?i)-javaagent|-agent(?:lib|path)|-XX:On(?:Error|OutOfMemoryError)|-Xbootclasspath|-XX:(?:Flags|VMOptionsFile)|^@|-cp\b|-classpath|--class-path|-jar\b|-Djava\.|-Dsys\.ai\.h2o|-Xrun|--patch-module`)

// h2oInit reports the init section of h2o.yaml: mlflow.h2o hands it to h2o.init as keyword arguments.
func h2oInit(p *Pass) {
	for _, u := range mlUnits(p, "mlflow-h2o") {
		for _, s := range facts[weir.Setting](u) {
			option, ok := strings.CutPrefix(s.Key, "init.")
			if !ok || s.Value == "" {
				continue
			}
			name, _, _ := strings.Cut(option, ".")
			f := p.settingFinding(u, s, "")
			switch {
			case name == "jvm_custom_args" && jvmRuns().MatchString(s.Value), name == "extra_classpath":
				f.Severity = weir.SeverityCritical
				f.Message = "loading the model starts a Java program with code of the model's choice"
			case name == "jvm_custom_args":
				f.Message = "loading the model starts Java with arguments of its own"
			case name == "url" || name == "ip" || name == "proxy" || name == "https" || name == "cacert" || name == "insecure" || name == "cookies":
				if isLocal(s.Value) || strings.EqualFold(s.Value, "false") {
					continue
				}
				f.Impact = []weir.Impact{weir.ImpactNetwork, weir.ImpactExposure}
				f.Message = "loading the model talks to a server, or in a way, that the model chose"
			case name == "ice_root" || name == "log_dir":
				f.Impact = []weir.Impact{weir.ImpactWrite}
				f.Message = "loading the model makes H2O write into a folder that the model chose"
			case name == "bind_to_localhost" && strings.EqualFold(s.Value, "false"):
				f.Impact = []weir.Impact{weir.ImpactNetwork}
				f.Message = "loading the model starts an H2O server without authentication that everybody on the network reaches"
			case h2oHarmless[name] || name == "bind_to_localhost" || name == "start_h2o":
				continue
			default:
				f.Severity = weir.SeverityMedium
				f.Message = fmt.Sprintf("loading the model sets the option %s of h2o.init", name)
			}
			p.Report(f)
		}
	}
}

func isLocal(v string) bool {
	_, host := hostOf(v)
	return host == "localhost" || host == "::1" || host == "127.0.0.1"
}

// hostOf gives an address's scheme and its host without user and port, in lower case.
func hostOf(v string) (scheme, host string) {
	scheme, rest, ok := strings.Cut(strings.ToLower(v), "://")
	if !ok {
		scheme, rest = "", scheme
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if inner, ok := strings.CutPrefix(rest, "["); ok { // IPv6
		host, _, _ = strings.Cut(inner, "]")
		return scheme, host
	}
	host, _, _ = strings.Cut(rest, ":")
	return scheme, host
}

// isAddress reports whether a host is a number rather than a name.
func isAddress(host string) bool {
	return host != "" && (strings.Trim(host, "0123456789.") == "" || strings.Contains(host, ":"))
}

// officialIndexes are package indexes of frameworks themselves.
var officialIndexes = set(`download.pytorch.org pypi.nvidia.com data.pyg.org storage.googleapis.com`)

// pipSilent are pip's options that choose nothing of what is installed from where.
var pipSilent = weir.Pattern(`^--(?:hash|pre|only-binary|no-binary|prefer-binary|require-hashes|use-feature|no-deps|no-cache-dir|progress-bar|quiet|python-version|upgrade)\b|^-q\b|^-U\b`)

// loaderVariables are environment variables that make programs run code.
var loaderVariables = set(`LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES PYTHONPATH PYTHONSTARTUP PYTHONHOME PYTHONINSPECT BASH_ENV ENV PERL5LIB
	NODE_OPTIONS JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE PROMPT_COMMAND PATH`)

// mlflowEnvironment looks at what restoring a model's environment installs; serving a model does that before it loads it.
func mlflowEnvironment(p *Pass) {
	if modelFile(p) == nil {
		return
	}
	for _, u := range mlUnits(p, "conda-env", "python-env", "pip-requirements") {
		if strings.Contains(u.Member, "!/") {
			continue
		}
		for _, s := range facts[weir.Setting](u) {
			severity, why := weir.SeverityNone, ""
			switch name, isVar := strings.CutPrefix(s.Key, "variables."); {
			case isVar && loaderVariables[name]:
				severity, why = weir.SeverityHigh, "sets a variable that makes programs run other code"
			case s.Key == "pip.option":
				severity, why = pipOption(s.Value)
			case s.Key == "pip.source":
				severity, why = pipSource(s.Value)
			case s.Key == "conda.channel" && strings.Contains(s.Value, "://"):
				severity, why = address(s.Value)
			}
			if severity != weir.SeverityNone {
				f := p.settingFinding(u, s, "the environment of the model "+why)
				f.Severity, f.Evidence = severity, s.Value
				p.Report(f)
			}
		}
		for _, r := range facts[weir.Requirement](u) {
			if shellInRequirement().MatchString(r.Text) {
				f := p.finding(u, 0, "a requirement of the model holds shell: MLflow 3.8.0 and 3.8.1 ran it when the model was served", r.Text)
				f.Line, f.Severity, f.Aliases = r.Line, weir.SeverityHigh, []string{"CVE-2025-15379"}
				p.Report(f)
			}
		}
	}
}

// shellInRequirement tells shell from the markers that may follow a requirement's semicolon (PEP 508).
var shellInRequirement = weir.Pattern("\\$\\(|`|&&|\\|\\||\\|\\s*\\w+\\s|;\\s*(?:[a-z./]+\\s+[^=<>!~\\s'\"]|[a-z./]+;)")

func pipOption(line string) (weir.Severity, string) {
	name, value, _ := strings.Cut(line, " ")
	if n, v, ok := strings.Cut(name, "="); ok {
		name, value = n, v
	}
	value = strings.Trim(strings.TrimSpace(value), `"'`)
	switch {
	case pipSilent().MatchString(line):
		return weir.SeverityNone, ""
	case name == "-r" || name == "--requirement" || name == "-c" || name == "--constraint":
		if strings.Contains(value, "://") {
			return address(value)
		}
		if leavesFolder(value) != "" {
			return weir.SeverityHigh, "takes requirements from a file outside the model"
		}
		return weir.SeverityNone, ""
	case name == "--trusted-host":
		return weir.SeverityHigh, "trusts a package index without checking who it is"
	case name == "-e" || name == "--editable":
		return pipSource(value)
	case name == "--no-index":
		return weir.SeverityNone, ""
	case strings.HasPrefix(name, "-i") || name == "--index-url" || name == "--extra-index-url" || name == "-f" || name == "--find-links":
		if !strings.Contains(value, "://") {
			if leavesFolder(value) != "" {
				return weir.SeverityHigh, "installs packages from a folder outside the model"
			}
			return weir.SeverityMedium, "installs packages that lie in the model"
		}
		return address(value)
	}
	return weir.SeverityMedium, "passes an option to pip that changes what is built"
}

// pipSource judges a requirement that is an address or a path; both run the package's build script unless it is a wheel.
func pipSource(line string) (weir.Severity, string) {
	if _, at, ok := strings.Cut(line, " @ "); ok {
		line = strings.TrimSpace(at)
	} else if i := strings.Index(line, "@"); i > 0 && strings.Contains(line[i:], "://") && !strings.Contains(line[:i], ":") {
		line = strings.TrimSpace(line[i+1:])
	}
	if rest, ok := strings.CutPrefix(line, "file:"); ok {
		line = strings.TrimPrefix(rest, "//")
	}
	if strings.Contains(line, "://") {
		return address(line)
	}
	if leavesFolder(line) != "" {
		return weir.SeverityHigh, "installs a package from outside the model"
	}
	return weir.SeverityMedium, "installs a package that lies in the model"
}

// address judges where something is fetched from.
func address(v string) (weir.Severity, string) {
	scheme, bare := hostOf(v)
	switch {
	case officialIndexes[bare] && scheme == "https":
		return weir.SeverityNone, ""
	case !strings.HasSuffix(scheme, "https") && !strings.HasSuffix(scheme, "ssh"):
		return weir.SeverityHigh, "installs from an address whose answer anybody on the way can change"
	case isAddress(bare):
		return weir.SeverityHigh, "installs from a bare network address"
	}
	return weir.SeverityMedium, "installs from " + bare
}

// reaches tells expressions that climb from a value to Python's own objects, and helpers that exist to be climbed from.
var templateReach = weir.Pattern(`__\w+__|\\x5f|\.mro\b|\|\s*attr\b|\battr\s*\(|\b(?:cycler|joiner|lipsum|namespace)\s*\.|func_globals|f_globals|\bself\._|gi_frame`)

// templateFiles tells the filter and statements with which a recipe's template reads other files.
var templateFiles = weir.Pattern(`['"]([^'"]*)['"]\s*\|\s*from_json|^\s*(?:include|import|from|extends)\s+['"]([^'"]*)['"]`)

func templateInjection(p *Pass) {
	for _, u := range mlUnits(p, "mlflow-recipe") {
		for _, c := range facts[weir.Code](u) {
			if c.Language != "jinja" {
				continue
			}
			f := p.finding(u, c.At, "", c.Text)
			f.Line = c.Line
			m := templateFiles().FindStringSubmatch(c.Text)
			switch {
			case templateReach().MatchString(c.Text):
				f.Message = "a template expression climbs to Python's own objects: MLflow before 2.9.2 runs what it finds there as soon as the recipe is opened"
			case m != nil && leavesFolder(m[1]+m[2]) != "":
				f.Severity, f.Impact = weir.SeverityHigh, []weir.Impact{weir.ImpactRead}
				f.Message = "a template expression reads a file outside the recipe"
			default:
				continue
			}
			p.Report(f)
		}
	}
}

// recipeScript reports active HTML in recipes, whose values MLflow before 2.10 copied into its cards, and in the pages of their steps what is
// not of the cards' own template.
func recipeScript(p *Pass) {
	for _, u := range mlUnits(p, "mlflow-recipe", "html") {
		page := hasFormat(u, "html")
		if page && !isCard(u) && !stepOutput().MatchString(p.File.Path+"!/"+u.Member) {
			continue
		}
		for _, c := range facts[weir.Code](u) {
			if c.Language != "html" || page && cardsOwn(c) {
				continue
			}
			what := "a value of the recipe is HTML that runs script where a card shows it"
			if page {
				what = "the page of a recipe's step holds script that is not of MLflow's template"
			}
			f := p.finding(u, c.At, what, c.Text)
			f.Line = c.Line
			p.Report(f)
			break // one is enough to keep the page closed
		}
	}
}

// stepOutput and runArtifact tell the places of pages that MLflow shows (mlflow/recipes/utils/execution.py, mlflow/store/tracking/file_store.py).
var (
	stepOutput  = weir.Pattern(`(?:^|/)steps/[^/]+/outputs/[^!]*\.(?:html?|svg)(?:!/)?$`)
	runArtifact = weir.Pattern(`(?:^|/)(?:[0-9a-f]{32}|m-[0-9a-f]{32})/artifacts/[^!]*(?:!/)?$`)
)

// byItself tells what runs as soon as a page is shown and what plots and reports of honest tools do not have: handlers of pictures and media,
// addresses that are script.
var byItself = weir.Pattern(`(?is)^<\s*(?:img|svg|image|video|audio|source|details|input|object|embed|iframe|marquee|animate\w*|set|style|link|math)\b[^>]*?[\s"'/]on[a-z]{3,}\s*=|^(?:<\s*[a-z][^>]*?[\s"'/])?(?:href|src|action|formaction|data|xlink:href)\s*=\s*["']?\s*(?:javascript|vbscript|data)\s*:|^<\s*(?:meta|base)\b`)

// artifactScript looks at pages among the artifacts of runs. Script elements alone are what interactive plots are made of.
func artifactScript(p *Pass) {
	for _, u := range mlUnits(p, "html") {
		if isCard(u) || !runArtifact().MatchString(p.File.Path+"!/"+u.Member) {
			continue
		}
		for _, c := range facts[weir.Code](u) {
			if c.Language == "html" && byItself().MatchString(c.Text) {
				f := p.finding(u, c.At, "the page runs script by a handler or address, as no plot does, when MLflow's interface shows it", c.Text)
				f.Line = c.Line
				p.Report(f)
				break
			}
		}
	}
}

func isCard(u *Unit) bool {
	for _, n := range facts[weir.Note](u) {
		if n.Key == "html.kind" {
			return true
		}
	}
	return false
}

// cardsOwn knows what the template of MLflow's cards has itself: one script that switches tabs, and frames with the profiles of data.
func cardsOwn(c weir.Code) bool {
	text := strings.TrimSpace(c.Text)
	if rest, ok := strings.CutPrefix(text, "<script>"); ok {
		return strings.HasPrefix(strings.TrimSpace(rest), "function onclickTab(event)")
	}
	return strings.HasPrefix(text, "<iframe srcdoc=")
}

func htmlScript(p *Pass) {
	if modelFile(p) == nil {
		return
	}
	for _, u := range mlUnits(p, "html") {
		for _, c := range facts[weir.Code](u) {
			if c.Language == "html" && !isCard(u) {
				f := p.finding(u, c.At, "the page runs script when it is opened, as MLflow's interface does in its preview", c.Text)
				if f.Line = c.Line; byItself().MatchString(c.Text) {
					f.Severity = weir.SeverityHigh
				}
				p.Report(f)
				break
			}
		}
	}
}

// storeKeys are the places in a file store's records that the server opens.
var storeKeys = set(`artifact_location artifact_uri source storage_location`)

// oddLocation tells the spellings with which locations got past the server's checks: climbing, percent-encoded or after a fragment or a
// query, an empty host, a network path.
var oddLocation = weir.Pattern(`(?i)(?:^|[/\\;?#=])(?:\.|%2e|%252e){2}(?:[/\\]|%2f|%5c|%25|$)|%2e%2e|^[a-z0-9.+-]+://[/?#;]*[?#;]|^//[^/]|^https?:///|^file://(?:[^/]+)/`)

// systemFolders are those that hold no model and much that is secret.
var systemFolders = weir.Pattern(`(?i)^(?:file:(?://(?:localhost)?)?)?/(?:etc|proc|sys|dev|boot|root/\.|home/[^/]+/\.|var/run|run/secrets)(?:/|$)|^(?:file:(?://)?)?/?$`)

func storeLocation(p *Pass) {
	for _, u := range mlUnits(p, "mlflow-store") {
		for _, s := range facts[weir.Setting](u) {
			if !storeKeys[s.Key] || s.Value == "" {
				continue
			}
			switch {
			case strings.HasPrefix(strings.ToLower(s.Value), "file://localhost/") && !systemFolders().MatchString(s.Value):
			case oddLocation().MatchString(s.Value):
				p.Report(p.settingFinding(u, s, "the location is spelled so that servers which check it open another one"))
			case systemFolders().MatchString(s.Value):
				p.Report(p.settingFinding(u, s, "the location is a folder of the system: a server hands out the files in it as artifacts"))
			}
		}
	}
}

// shell tells commands that do more than start a program: chains, substitutions, downloads that are run, decoded text.
var shell = weir.Pattern("\\$\\(|`|;|&&|\\|\\||\\||>\\s*/|</?dev|/dev/tcp|\\b(?:curl|wget|nc|ncat|socat|telnet|base64|eval|chmod|sudo|mkfifo)\\b|\\b(?:python[0-9.]*|perl|ruby|node|php|bash|sh|zsh)\\s+-[a-z]*[ce]\\b")

// quoted tells parameters between quotes of the command's own: MLflow quotes them too, and the two undo each other.
var quotedParameter = weir.Pattern(`'[^']*\{\w+\}[^']*'|"[^"]*\{\w+\}[^"]*"`)

func projectCommand(p *Pass) {
	for _, u := range mlUnits(p, "mlflow-project") {
		for _, s := range facts[weir.Setting](u) {
			f := p.settingFinding(u, s, "")
			switch parts := strings.Split(s.Key, "."); {
			case len(parts) >= 3 && parts[0] == "entry_points" && parts[len(parts)-1] == "command":
				switch {
				case quotedParameter().MatchString(s.Value):
					f.Message = "the command quotes a parameter that MLflow quotes as well: the two quotes end each other, and the parameter's value becomes shell"
				case shell().MatchString(s.Value):
					f.Message = "the command is a shell program, not the start of one of the project's programs"
				default:
					continue
				}
			case strings.HasPrefix(s.Key, "docker_env.volumes"):
				host, _, _ := strings.Cut(s.Value, ":")
				if host != "/" && !systemFolders().MatchString(host) && !strings.Contains(s.Value, "docker.sock") && leavesFolder(strings.TrimPrefix(host, "/")) == "" {
					continue
				}
				f.Message = "the project's container gets a folder of the host that gives it the host"
			case s.Key == "docker_env.environment" || strings.HasPrefix(s.Key, "docker_env.environment."):
				if !secretName().MatchString(s.Value) || strings.Count(s.Key, ".") != 2 {
					continue
				}
				f.Severity = weir.SeverityMedium
				f.Message = "the project's container gets a secret of whoever runs it"
			case s.Key == "conda_env" || s.Key == "python_env":
				if leavesFolder(s.Value) == "" {
					continue
				}
				f.Message = "the project's environment is a file outside of it"
			case len(parts) >= 4 && parts[0] == "entry_points" && parts[len(parts)-1] == "default" && shell().MatchString(s.Value):
				f.Message = "a parameter's default is shell"
			default:
				continue
			}
			p.Report(f)
		}
	}
}

var secretName = weir.Pattern(`(?i)secret|token|passw|credential|api_?key|access_?key`)
