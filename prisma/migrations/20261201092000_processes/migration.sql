-- CreateTable
CREATE TABLE "processes" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "version" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,
    "clock_ahead_ms" DOUBLE PRECISION NOT NULL,
    "memory_bytes" BIGINT NOT NULL,
    "memory_share" DOUBLE PRECISION NOT NULL,
    "event_loop_delay_ms" DOUBLE PRECISION NOT NULL,
    "task_queues" TEXT[],
    "is_ready" BOOLEAN NOT NULL,

    CONSTRAINT "processes_pkey" PRIMARY KEY ("id")
);
