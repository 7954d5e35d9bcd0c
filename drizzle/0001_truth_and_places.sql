ALTER TABLE `deployments` ADD `waiting_since` integer;--> statement-breakpoint
ALTER TABLE `deployments` ADD `stopping_since` integer;--> statement-breakpoint
ALTER TABLE `deployments` ADD `stop_tries` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `deployments` ADD `stop_error` text;--> statement-breakpoint
CREATE INDEX `deployments_phase` ON `deployments` (`phase`);--> statement-breakpoint
CREATE INDEX `deployments_waiting` ON `deployments` (`waiting_since`) WHERE "deployments"."waiting_since" is not null;--> statement-breakpoint
CREATE INDEX `deployments_stopped` ON `deployments` (`stopped_at`);--> statement-breakpoint
ALTER TABLE `events` ADD `revision_id` integer;--> statement-breakpoint
CREATE INDEX `events_merge_request` ON `events` (`merge_request_id`,`id`);--> statement-breakpoint
CREATE INDEX `events_at` ON `events` (`at`);--> statement-breakpoint
ALTER TABLE `merge_requests` ADD `target_branch` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `merge_requests` ADD `approved_sha` text;--> statement-breakpoint
ALTER TABLE `merge_requests` ADD `approved_by` text;--> statement-breakpoint
ALTER TABLE `merge_requests` ADD `head_remark` text;--> statement-breakpoint
ALTER TABLE `merge_requests` ADD `unreadable_since` integer;--> statement-breakpoint
ALTER TABLE `merge_requests` ADD `unreadable_why` text;--> statement-breakpoint
CREATE INDEX `jobs_deployment` ON `jobs` (`deployment_id`);--> statement-breakpoint
CREATE INDEX `revisions_instance` ON `revisions` (`instance`);--> statement-breakpoint
CREATE INDEX `revisions_present` ON `revisions` (`deployment_id`) WHERE "revisions"."instance_state" = 'present';