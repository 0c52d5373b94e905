-- MLflow 2.9.2, testdata/make/basic_auth.py
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('8606fa83a998');
CREATE TABLE experiment_permissions (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(255) NOT NULL, 
	user_id INTEGER NOT NULL, 
	permission VARCHAR(255), 
	PRIMARY KEY (id), 
	CONSTRAINT fk_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT unique_experiment_user UNIQUE (experiment_id, user_id)
);
INSERT INTO "experiment_permissions" VALUES(1,'1',2,'MANAGE');
INSERT INTO "experiment_permissions" VALUES(2,'2',2,'READ');
INSERT INTO "experiment_permissions" VALUES(3,'2',3,'NO_PERMISSIONS');
CREATE TABLE registered_model_permissions (
	id INTEGER NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	user_id INTEGER NOT NULL, 
	permission VARCHAR(255), 
	PRIMARY KEY (id), 
	CONSTRAINT fk_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT unique_name_user UNIQUE (name, user_id)
);
INSERT INTO "registered_model_permissions" VALUES(1,'fraud',2,'EDIT');
INSERT INTO "registered_model_permissions" VALUES(2,'fraud',3,'READ');
CREATE TABLE users (
	id INTEGER NOT NULL, 
	username VARCHAR(255), 
	password_hash VARCHAR(255), 
	is_admin BOOLEAN, 
	PRIMARY KEY (id), 
	UNIQUE (username)
);
INSERT INTO "users" VALUES(1,'admin','scrypt:32768:8:1$v7q9TDfM0D994vLo$68ded675ac905e16e0880ff84df898bda7b33ff43191d3d328312d10523f07e3b3890e81ac4979f8f36657aa9e69bb84850e0f55d2a636ad51068b8d450b810e',1);
INSERT INTO "users" VALUES(2,'ann','scrypt:32768:8:1$QjknAnyuIHwtoaOr$6cd03a6076bd0cdbbc0a6c74855a13410608b000149e532dc911606efd5bf892b7d5fab96fb1505f63185fa30f314d7cd9ec5b8fffedd7e0583ce42336c4514c',0);
INSERT INTO "users" VALUES(3,'bob','scrypt:32768:8:1$pExkIZ57WZLiDxC1$cae6525391865c87178d330ee8cd84804ece189dbff1702f8d7419a5183c6da8e7d6c80773aeabeace35252124927c528efb60a1fcef3ad9136ee99ac52043d3',0);
INSERT INTO "users" VALUES(4,'no such name!','scrypt:32768:8:1$77TYFiJy3QKphxBw$cb7711e0d35a808ff6f2835da11101fc82d540d1a4fcfecc06ff3f94cac6537832c970720994924f8e12273979c078ecba518dae8385cdc5a900093ff655ee93',0);
COMMIT;
