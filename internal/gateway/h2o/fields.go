package h2o

import "sync"

// A role says what a parameter may hold, and what it makes the request about.
type role int

const (
	plain    role = iota // H2O uses it for nothing but what it says: numbers, column names, formats, messages
	unjudged             // not in the list: the parameter is refused, and a test fails
	readFrame
	newFrame // made or overwritten
	changeFrame
	readModel
	newModel
	readKey // a frame or a model, the server's records say which
	newKey
	gridKey
	jobKey
	projectKey
	sessionKey
	importPath
	importPaths
	importRegex
	exportPath
	forceFlag   // must be false or absent
	broadFlag   // the answer names what belongs to others: for those who manage the cluster
	scriptName  // a function that was uploaded as code: refused
	nested      // JSON text that sets other parameters of this list
	rapidsText  // an expression
	jdbcURL     // a complete listed URL
	sqlName     // an identifier
	sqlColumns  // identifiers
	sqlQuery    // a whole query: only when it is switched on
	className   // a Java class: refused
	whole       // an object whose members stand in the list too
	reservedFor // whatever it is, only those who manage the cluster come here: the route says so
)

// flagRole is the role of a number or boolean: some mean more than they say.
func flagRole(name string) role {
	switch name {
	case "force":
		return forceFlag
	case "find_compatible_models", "find_compatible_frames":
		return broadFlag
	}
	return plain
}

// roles names every parameter that is no number, boolean, enumeration or column, for all schemas or ("Schema.field") for one. What is missing
// is refused: a newer H2O with a new text parameter passes nothing in it until somebody judged it.
var roles = sync.OnceValue(makeRoles)

func makeRoles() map[string]role {
	m := map[string]role{}
	set := func(r role, names ...string) {
		for _, n := range names {
			m[n] = r
		}
	}
	set(plain, "_exclude_fields", "_fields", "algo", "auc_type", "auuc_type", "class_sampling_factors", "coefficient_names", "col_pairs_2dpdp", "cols",
		"column", "column_name_filter", "column_names", "column_types", "columns_to_encode", "compression", "control_variables",
		"custom_non_data_line_markers", "deep_features_hidden_layer_name", "domain", "domains", "eval_metric", "extensions", "factor_columns",
		"fetch_mode", "gam_columns", "group_column", "http_method", "classname", "schemaname", "ignored_columns", "interaction_constraints",
		"interactions", "interactions_only", "interaction_pairs", "knot_ids", "match", "message", "monotone_constraints", "monotone_constraints.key", "na_strings", "names",
		"nodeidx", "num_chunks_hint", "partition_by", "protected_columns", "random_columns", "reason", "segment_columns", "sort_by", "sort_metric",
		"stratify_by", "synonyms", "targets", "treatment_column", "tree_class", "use_temp_table", "user_cols", "variables", "word", "search_criteria",
		"type", "MetadataV3.path", "interaction_pairs", "interaction_pairs.a", "interaction_pairs.b", "AutoMLBuildSpecV99.build_models.monotone_constraints.key",
		"AutoMLBuildSpecV99.build_models.modeling_plan.name", "AutoMLBuildSpecV99.build_models.modeling_plan.steps.id", "AutoMLBuildSpecV99.build_models.modeling_plan.steps",
		"AutoMLBuildSpecV99.build_models.algo_parameters.name", "AutoMLBuildSpecV99.build_models.algo_parameters.value", "PutKey.destination_key",
		"category", "NodePersistentStorageV3.name") // whose routes are for those who manage the cluster, or only say whether there is one
	set(readFrame, "X", "background_frame", "beta_constraints", "blending_frame", "calibration_frame", "dataset", "frame", "frame_id",
		"initial_biases", "initial_random_effects", "initial_t_matrix", "initial_weights", "leaderboard_frame", "linear_constraints", "plug_values",
		"pre_trained", "source_frame", "source_frames", "training_frame", "user_points", "user_x", "user_y", "validation_frame", "words_frame",
		"actuals_frame", "ModelMetricsMakerSchemaV3.predictions_frame", "treatment_frame", "weights_frame", "segments", "FindV3.key", "model_key")
	set(newFrame, "destination_frame", "destination_frames", "predictions_frame", "deviances_frame", "dest", "temp_table_name.frame")
	set(changeFrame, "MissingInserterV3.dataset")
	set(readModel, "checkpoint", "model", "model_ids", "pretrained_autoencoder", "base_models")
	set(newModel, "model_id", "MakeGLMModelV3.dest", "MakeDerivedGLMModelV3.dest", "MakeUnrestrictedGLMModelV3.dest")
	set(readKey, "RemoveV3.key", "retained_keys", "assembly_id", "PartialDependenceKeyV3.name")
	set(newKey, "destination_key", "segment_models_id", "loading_name", "representation_name", "u_name", "SplitFrameV3.key")
	set(gridKey, "grid_id")
	set(jobKey, "job_id")
	set(projectKey, "project_name", "automl_id")
	set(sessionKey, "session_id", "session_key")
	set(importPath, "ImportFilesV3.path", "src", "grid_path", "FrameLoadV3.dir")
	set(importPaths, "paths")
	set(importRegex, "pattern")
	set(exportPath, "FramesV3.path", "FrameSaveV3.dir", "ModelExportV3.dir", "grid_directory", "export_checkpoints_dir", "in_training_checkpoints_dir")
	set(scriptName, "custom_metric_func", "custom_distribution_func")
	set(nested, "hyper_parameters", "metalearner_params", "algorithm_params", "weak_learner_params")
	set(rapidsText, "ast", "steps")
	set(jdbcURL, "connection_url")
	set(sqlName, "table", "temp_table_name")
	set(sqlColumns, "columns")
	set(sqlQuery, "select_query")
	set(whole, "build_control", "input_spec", "build_models", "stopping_criteria", "algo_parameters", "modeling_plan", "preprocessing")
	set(reservedFor, "LogsV3.name", "value", "SessionPropertyV3.key", "secret_access_key", "secret_key_id",
		"session_token", "cipher_spec", "decrypt_impl", "decrypt_tool_id", "key_alias", "keystore_id", "keystore_type", "password", "username", "jdbc_url",
		"table_name", "table_path", "tmp_path", "database", "partitions", "recovery_dir", "save_matrix_directory", "data", "XGBoostExecReqV3.key",
		"decrypt_tool", "URL", "id", "ModelImportV3.dir", "GenericV3.path", "file_name")
	return m
}
