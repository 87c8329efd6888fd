import type { ButtonHTMLAttributes, ReactNode } from "react";
import { includesRole, type Role, useSession } from "../api/session.ts";
import { Icon, type IconName } from "./icon.tsx";
import styles from "./button.module.css";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: "plain" | "primary" | "danger" | "quiet";
  icon?: IconName;
  /** The role that the action needs. Who lacks it sees the button, disabled, with the reason. */
  needs?: Role;
  children: ReactNode;
}

/** A button with a text. */
export function Button({ kind = "plain", icon, needs, children, ...rest }: ButtonProps) {
  const { role } = useSession();
  const lacksRole = needs !== undefined && !includesRole(role, needs);
  const refused = lacksRole
    ? {
        "aria-disabled": true,
        title: `Needs the role ${needs}. You have the role ${role}.`,
        onClick: undefined,
      }
    : {};
  return (
    <button type="button" className={`${styles.button} ${styles[kind]}`} {...rest} {...refused}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon: IconName;
  /** What the button does, for those who cannot see the icon, and as its tooltip. */
  label: string;
}

/** A button that shows only an icon. */
export function IconButton({ icon, label, ...rest }: IconButtonProps) {
  return (
    <button type="button" className={styles.icon} aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  );
}
