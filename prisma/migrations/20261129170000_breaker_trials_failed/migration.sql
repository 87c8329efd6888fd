-- A trial that fails ends its round no longer by itself: a round passes with as many failures as are borne while the breaker is closed.
ALTER TABLE "breakers" ADD COLUMN "trials_failed" INTEGER NOT NULL DEFAULT 0;
