package h2o

import (
	"strings"
	"sync"

	"weir/internal/auth"
)

// The types of resource behind an H2O server.
const (
	frame       = "frame"
	model       = "model"
	importRoot  = "import-path"
	exportRoot  = "export-path"
	cluster     = "cluster"
	job         = "job" // asked for by the flows, which know whose it is
	grid        = "grid"
	leaderboard = "leaderboard"
	ui          = "ui"
)

// A rule judges the routes that its pattern names: method and path, "*" for any one segment. The first that fits counts.
type rule struct {
	on     string
	about  string // resource type
	action auth.Action
	main   []string // parameters whose keys the action is about; the others have the action of their role
	never  string   // the route is not passed on: why
	flow   string   // what carries it out: a key of flows
	json   bool     // the body is JSON
}

func on(pattern, about string, action auth.Action, main ...string) rule {
	return rule{on: pattern, about: about, action: action, main: main}
}

func (r rule) by(flow string) rule     { r.flow = flow; return r }
func (r rule) asJSON() rule            { r.json = true; return r }
func (r rule) refused(why string) rule { r.never = why; return r }
func manage(pattern string) rule       { return on(pattern, cluster, auth.Manage) }
func about(pattern string) rule        { return on(pattern, ui, auth.Read) }

const (
	deserialises = "H2O restores Java objects from these files, which runs code, and the gate cannot scan a folder that the server reads itself"
	internal     = "it is for nodes of the cluster among themselves"
)

// rules judge every route of the table. GETs that change something stand with what they do, not with what they look like.
var rules = sync.OnceValue(func() []rule {
	return []rule{
		// The page and what describes the server itself.
		on("GET /", ui, auth.Read),
		on("GET /favicon.ico", ui, auth.Read),
		on("GET /flow/{path...}", ui, auth.Read),
		about("GET /3/h2o-genmodel.jar"),
		about("GET /3/About"), about("GET /3/Cloud"), about("HEAD /3/Cloud"), about("GET /3/Ping"),
		about("GET /3/Capabilities"), about("GET /3/Capabilities/*"), about("GET /3/Metadata/*"), about("GET /3/Metadata/*/*"),
		about("GET /3/ModelBuilders"), about("GET /3/ModelBuilders/*"), about("GET /4/endpoints"), about("GET /4/modelsinfo"),
		about("GET /99/Rapids/help"), about("GET /3/NodePersistentStorage/configured"),
		about("GET /3/NodePersistentStorage/categories/*/exists"), about("GET /3/NodePersistentStorage/categories/*/names/*/exists"),
		about("POST /3/ModelBuilders/*/model_id"),

		// What shows, stops or changes the server for everybody.
		manage("POST /3/Shutdown"), manage("GET /3/JStack"), manage("GET /3/KillMinus3"), manage("GET /3/Profiler"), manage("GET /3/Timeline"),
		manage("GET /3/Logs/nodes/*/files/*"), manage("GET /3/Logs/download"), manage("GET /3/Logs/download/*"), manage("POST /3/LogAndEcho"),
		manage("GET /3/WaterMeterIo"), manage("GET /3/WaterMeterIo/*"), manage("GET /3/WaterMeterCpuTicks/*"), manage("GET /3/NetworkTest"),
		manage("GET /99/Sample"), manage("GET /3/SteamMetrics"), manage("POST /3/GarbageCollect"), manage("POST /3/CloudLock"), manage("POST /3/UnlockKeys"),
		manage("POST /3/SessionProperties"), manage("GET /3/SessionProperties"), manage("POST /3/PersistS3"), manage("DELETE /3/PersistS3"),
		manage("DELETE /3/DKV"), manage("DELETE /3/Frames"), manage("DELETE /3/Models"), manage("GET /3/Find"),
		manage("GET /3/NodePersistentStorage/*"), manage("POST /3/NodePersistentStorage/*"), manage("GET /3/NodePersistentStorage/*/*"),
		manage("POST /3/NodePersistentStorage/*/*"), manage("DELETE /3/NodePersistentStorage/*/*"),
		manage("GET /3/NodePersistentStorage.bin/*/*"), manage("POST /3/NodePersistentStorage.bin/*/*").by("stored"),
		manage("POST /3/XGBoostExecutor.*").refused(internal),
		manage("POST /3/DecryptionSetup").refused("it names a Java class to make an object of, and a password that H2O keeps readable"),
		manage("POST /3/PutKey").refused("uploaded code would run inside the server (custom metrics and distributions)"),
		manage("POST /3/PutKey.bin").refused("uploaded code would run inside the server (custom metrics and distributions)"),
		manage("POST /3/Recovery/resume").refused(deserialises),
		manage("POST /3/Grid.bin/import").refused(deserialises),
		manage("POST /3/Frames/load").refused(deserialises),
		manage("POST /3/ImportHiveTable").refused("a database name may be a JDBC URL with parameters that run code"),
		manage("POST /3/SaveToHiveTable").refused("it writes to paths and JDBC URLs of the caller's choice"),
		manage("GET /3/Frames/*/export/*/overwrite/*").refused("it is deprecated, and it writes on GET: use POST /3/Frames/{frame_id}/export"),

		// Sessions.
		about("POST /4/sessions").by("session"), about("GET /3/InitID").by("session"),
		about("DELETE /4/sessions/*"), about("DELETE /3/InitID"), // the session must be one's own

		// Data that comes in.
		on("POST /3/PostFile", frame, auth.Write, "destination_frame").by("upload"),
		on("POST /3/PostFile.bin", frame, auth.Write, "destination_frame").by("upload"),
		on("GET /3/ImportFiles", importRoot, auth.Read).by("import"),
		on("POST /3/ImportFiles", importRoot, auth.Read).by("import"),
		on("POST /3/ImportFilesMulti", importRoot, auth.Read).by("import"),
		on("GET /3/Typeahead/files", importRoot, auth.Read).by("typeahead"),
		on("POST /99/ImportSQLTable", importRoot, auth.Read).by("import"),
		on("POST /3/ParseSetup", frame, auth.Read, "source_frames"),
		on("POST /3/Parse", frame, auth.Write, "destination_frame").by("makes"),
		on("POST /3/ParseSVMLight", frame, auth.Write, "destination_frame").by("makes"),

		// Frames.
		about("GET /3/Frames").by("frames"),
		on("GET /3/Frames/*", frame, auth.Read, "frame_id"), on("GET /3/Frames/*/*", frame, auth.Read, "frame_id"),
		on("GET /3/Frames/*/columns/*", frame, auth.Read, "frame_id"), on("GET /3/Frames/*/columns/*/*", frame, auth.Read, "frame_id"),
		on("GET /3/FrameChunks/*", frame, auth.Read, "frame_id"),
		on("DELETE /3/Frames/*", frame, auth.Delete, "frame_id").by("deletes"),
		on("POST /3/Frames/*/export", frame, auth.Download, "frame_id").by("makes"),
		on("POST /3/Frames/*/save", frame, auth.Download, "frame_id").by("makes"),
		on("GET /3/DownloadDataset", frame, auth.Download, "frame_id"), on("GET /3/DownloadDataset.bin", frame, auth.Download, "frame_id"),
		on("DELETE /3/DKV/*", cluster, auth.Delete, "key").by("deletes"),
		on("POST /3/CreateFrame", frame, auth.Write, "dest").by("makes"), on("POST /4/Frames/$simple", frame, auth.Write, "dest").by("makes"),
		on("POST /3/SplitFrame", frame, auth.Write, "destination_frames").by("makes"),
		on("POST /3/Interaction", frame, auth.Write, "dest").by("makes"),
		on("POST /3/MissingInserter", frame, auth.Write, "dataset").by("makes"),
		on("POST /99/DCTTransformer", frame, auth.Write, "destination_frame").by("makes"),
		on("POST /99/Tabulate", frame, auth.Read, "dataset"), on("POST /3/DataInfoFrame", frame, auth.Read, "frame").by("makes"),
		on("GET /3/ComputeGram", frame, auth.Read, "X").by("makes"),
		on("POST /99/Rapids", frame, auth.Read).by("rapids"),
		on("POST /99/Assembly", frame, auth.Write, "frame").by("makes"),
		on("GET /99/Assembly.java/*/*", model, auth.Download, "assembly_id").by("java"),
		on("GET /99/Assembly.fetch_mojo_pipeline/*/*", model, auth.Download, "assembly_id").by("mojo"),

		// Models.
		about("GET /3/Models").by("models"),
		on("GET /3/Models/*", model, auth.Read, "model_id").by("model"), on("GET /99/Models/*", model, auth.Read, "model_id").by("model"),
		on("GET /3/Models/*/mojo", model, auth.Download, "model_id").by("mojo"), on("GET /3/Models.fetch.bin/*", model, auth.Download, "model_id").by("binary"),
		on("GET /3/Models.java/*", model, auth.Download, "model_id").by("java"), on("GET /3/Models.java/*/preview", model, auth.Download, "model_id").by("java"),
		on("GET /99/Models.bin/*", model, auth.Download, "model_id").by("saveBinary"), on("GET /99/Models.mojo/*", model, auth.Download, "model_id").by("saveMojo"),
		on("GET /99/Models/*/json", model, auth.Download, "model_id"),
		on("DELETE /3/Models/*", model, auth.Delete, "model_id").by("deletes"),
		on("POST /99/Models.bin/", model, auth.Write).by("importModel"), on("POST /99/Models.bin/*", model, auth.Write, "model_id").by("importModel"),
		on("POST /99/Models.upload.bin/", model, auth.Write).by("uploadModel"), on("POST /99/Models.upload.bin/*", model, auth.Write, "model_id").by("uploadModel"),
		on("POST /3/ModelBuilders/generic", model, auth.Write, "model_id").by("generic"),
		on("POST /3/SegmentModelsBuilders/generic", model, auth.Write, "model_id").refused("a generic model is imported on its own"),
		on("POST /99/Grid/generic", model, auth.Write, "model_id").refused("a generic model is imported on its own"),
		on("POST /99/Grid/generic/resume", model, auth.Write, "model_id").refused("a generic model is imported on its own"),
		on("POST /*/ModelBuilders/*", model, auth.Write, "model_id").by("makes"), on("POST /*/ModelBuilders/*/parameters", model, auth.Read),
		on("POST /*/SegmentModelsBuilders/*", model, auth.Write, "segment_models_id").by("makes"),
		on("POST /99/AutoMLBuilder", leaderboard, auth.Write, "project_name").asJSON().by("makes"),
		on("GET /99/AutoML/*", leaderboard, auth.Read, "automl_id").by("members"),
		about("GET /99/Leaderboards").by("leaderboards"),
		on("GET /99/Leaderboards/*", leaderboard, auth.Read, "project_name").by("members"),
		on("POST /99/Grid/*", grid, auth.Write, "grid_id").by("makes"), on("POST /99/Grid/*/resume", grid, auth.Write, "grid_id").by("makes"),
		about("GET /99/Grids").by("grids"), on("GET /99/Grids/*", grid, auth.Read, "grid_id").by("members"),
		on("POST /3/Grid.bin/*/export", grid, auth.Download, "grid_id"),
		on("POST /3/MakeGLMModel", model, auth.Write, "dest").by("makes"), on("POST /3/MakeUnrestrictedGLMModel", model, auth.Write, "dest").by("makes"),
		on("POST /3/MakeDerivedGLMModel", model, auth.Write, "dest").by("makes"),
		on("GET /3/GetGLMRegPath", model, auth.Read, "model"), on("GET /3/Tree", model, auth.Read, "model"),
		on("GET /3/Word2VecSynonyms", model, auth.Predict, "model"), on("GET /3/Word2VecTransform", model, auth.Predict, "model").by("makes"),
		on("GET /3/TargetEncoderTransform", model, auth.Predict, "model").by("makes"),
		on("POST /3/Predictions/models/*/frames/*", model, auth.Predict, "model").by("makes"),
		on("POST /4/Predictions/models/*/frames/*", model, auth.Predict, "model").by("makes"),
		on("POST /3/ModelMetrics/models/*/frames/*", model, auth.Predict, "model").by("makes"),
		on("GET /3/ModelMetrics/models/*/frames/*", model, auth.Read, "model"), on("DELETE /3/ModelMetrics/models/*/frames/*", model, auth.Write, "model"),
		on("GET /3/ModelMetrics/frames/*/models/*", model, auth.Read, "model"), on("DELETE /3/ModelMetrics/frames/*/models/*", model, auth.Write, "model"),
		on("GET /3/ModelMetrics/models/*", model, auth.Read, "model"), on("GET /3/ModelMetrics/frames/*", frame, auth.Read, "frame").by("metrics"),
		about("GET /3/ModelMetrics").by("metrics"),
		on("POST /3/ModelMetrics/predictions_frame/*/actuals_frame/*", frame, auth.Read, "predictions_frame", "actuals_frame"),
		on("POST /3/PartialDependence/", model, auth.Predict, "model_id").by("makes"), on("GET /3/PartialDependence/*", model, auth.Read, "name"),
		on("POST /3/FeatureInteraction", model, auth.Read, "model_id"), on("POST /3/FriedmansPopescusH", model, auth.Read, "model_id"),
		on("POST /3/SignificantRules", model, auth.Read, "model_id"),

		// Jobs. Lists, here and above, are for everybody: their flows leave out what one may not read.
		about("GET /3/Jobs").by("jobs"), about("GET /3/Jobs/*").by("job"), about("GET /4/jobs/*").by("job"),
		about("POST /3/Jobs/*/cancel").by("cancel"),
	}
})

// fits says whether a pattern names a route of the table.
func (r *rule) fits(method, path string) bool {
	m, pattern, _ := strings.Cut(r.on, " ")
	if m != method {
		return false
	}
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i, w := range want {
		prefix, star := strings.CutSuffix(w, "*")
		if star && have[i] != "" && strings.HasPrefix(have[i], prefix) || w == have[i] {
			continue
		}
		return false
	}
	return true
}

// judge finds the rule of a route; nil: nobody judged it.
func judge(method, path string) *rule {
	all := rules()
	for i := range all {
		if all[i].fits(method, path) {
			return &all[i]
		}
	}
	return nil
}
