CREATE TABLE `comments` (
	`merge_request_id` integer NOT NULL,
	`note_id` integer NOT NULL,
	`state` text DEFAULT 'pending' NOT NULL,
	`outcome` text,
	`received_at` integer NOT NULL,
	PRIMARY KEY(`merge_request_id`, `note_id`),
	FOREIGN KEY (`merge_request_id`) REFERENCES `merge_requests`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `deliveries` (
	`id` text PRIMARY KEY NOT NULL,
	`received_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `deliveries_received` ON `deliveries` (`received_at`);--> statement-breakpoint
CREATE TABLE `deployments` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`slug` text NOT NULL,
	`merge_request_id` integer NOT NULL,
	`project_id` integer NOT NULL,
	`app` text NOT NULL,
	`ref` text NOT NULL,
	`environment_name` text NOT NULL,
	`wanted` text NOT NULL,
	`stop_reason` text,
	`generation` integer DEFAULT 1 NOT NULL,
	`phase` text NOT NULL,
	`live_revision_id` integer,
	`wanted_at` integer NOT NULL,
	`pipeline_id` integer NOT NULL,
	`created_at` integer NOT NULL,
	`stopped_at` integer,
	FOREIGN KEY (`merge_request_id`) REFERENCES `merge_requests`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `deployments_name_unique` ON `deployments` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `deployments_slug_unique` ON `deployments` (`slug`);--> statement-breakpoint
CREATE UNIQUE INDEX `deployments_key` ON `deployments` (`project_id`,`app`,`ref`);--> statement-breakpoint
CREATE INDEX `deployments_merge_request` ON `deployments` (`merge_request_id`);--> statement-breakpoint
CREATE TABLE `events` (
	`id` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`merge_request_id` integer,
	`deployment_id` integer,
	`type` text NOT NULL,
	`message` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `events_deployment` ON `events` (`deployment_id`,`id`);--> statement-breakpoint
CREATE TABLE `jobs` (
	`id` integer PRIMARY KEY NOT NULL,
	`deployment_id` integer NOT NULL,
	`pipeline_id` integer NOT NULL,
	`commit` text NOT NULL,
	`pushed_by` text NOT NULL,
	`directory` text NOT NULL,
	`timeout_ms` integer NOT NULL,
	`revision_id` integer,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`deployment_id`) REFERENCES `deployments`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`revision_id`) REFERENCES `revisions`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `jobs_revision` ON `jobs` (`revision_id`);--> statement-breakpoint
CREATE TABLE `merge_requests` (
	`id` integer PRIMARY KEY NOT NULL,
	`project_id` integer NOT NULL,
	`iid` integer NOT NULL,
	`project_path` text NOT NULL,
	`project_url` text NOT NULL,
	`state` text NOT NULL,
	`title` text NOT NULL,
	`web_url` text NOT NULL,
	`source_branch` text NOT NULL,
	`head_sha` text NOT NULL,
	`source_project_id` integer,
	`times_missing` integer DEFAULT 0 NOT NULL,
	`note_id` integer,
	`note_hash` text,
	`note_seen_at` integer,
	`read_at` integer NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `merge_requests_key` ON `merge_requests` (`project_id`,`iid`);--> statement-breakpoint
CREATE TABLE `revisions` (
	`id` integer PRIMARY KEY NOT NULL,
	`deployment_id` integer NOT NULL,
	`number` integer NOT NULL,
	`state` text NOT NULL,
	`message` text,
	`parts` text DEFAULT '[]' NOT NULL,
	`failure_log` text DEFAULT '[]' NOT NULL,
	`commit` text NOT NULL,
	`pushed_by` text NOT NULL,
	`bundle` text NOT NULL,
	`spec` text NOT NULL,
	`instance` text NOT NULL,
	`instance_state` text DEFAULT 'none' NOT NULL,
	`endpoint_host` text,
	`endpoint_port` integer,
	`output_offset` integer DEFAULT 0 NOT NULL,
	`restarts` integer DEFAULT 0 NOT NULL,
	`queued_at` integer NOT NULL,
	`started_at` integer,
	`deadline_at` integer,
	`healthy_at` integer,
	`ended_at` integer,
	`draining_since` integer,
	FOREIGN KEY (`deployment_id`) REFERENCES `deployments`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `revisions_number` ON `revisions` (`deployment_id`,`number`);--> statement-breakpoint
CREATE INDEX `revisions_bundle` ON `revisions` (`bundle`);--> statement-breakpoint
CREATE TABLE `work` (
	`subject` text NOT NULL,
	`kind` text NOT NULL,
	`due_at` integer NOT NULL,
	`marks` integer DEFAULT 1 NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`last_error` text,
	`claimed_by` text,
	PRIMARY KEY(`subject`, `kind`)
);
--> statement-breakpoint
CREATE INDEX `work_due` ON `work` (`due_at`) WHERE "work"."claimed_by" is null;