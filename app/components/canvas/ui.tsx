// The editor's few controls, on Radix primitives: they bring focus, keyboard and screen-reader behaviour.

import { Dialog, Popover, Tooltip } from "radix-ui";
import { X } from "lucide-react";
import { useState, type ButtonHTMLAttributes, type ReactElement, type ReactNode } from "react";

interface Labelled {
  label: string;
  keys?: string;
  children: ReactElement;
}

export function Hint({ label, keys, children }: Labelled): ReactNode {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content className="pm-tooltip" sideOffset={6} collisionPadding={8}>
          {label}
          {keys !== undefined && <kbd>{keys}</kbd>}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement>;

export function IconButton({ label, keys, pressed, children, ...rest }: ButtonProps & { label: string; keys?: string; pressed?: boolean }): ReactNode {
  return (
    <Hint label={label} {...(keys === undefined ? {} : { keys })}>
      <button type="button" className="pm-icon-button" aria-label={label} {...(pressed === undefined ? {} : { "aria-pressed": pressed })} {...rest}>
        {children}
      </button>
    </Hint>
  );
}

export function Button({ look = "plain", className = "", ...rest }: ButtonProps & { look?: "plain" | "primary" | "quiet" | "danger" }): ReactNode {
  return <button type="button" className={`pm-button ${className}`} data-look={look} {...rest} />;
}

interface PopProps {
  trigger: ReactElement;
  children: ReactNode | ((close: () => void) => ReactNode);
  label: string;
  align?: "start" | "center" | "end";
  side?: "bottom" | "left" | "top" | "right";
  className?: string;
}

export function Pop({ trigger, children, label, align = "end", side = "bottom", className = "" }: PopProps): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>{trigger}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className={`pm-pop ${className}`} align={align} side={side} sideOffset={6} collisionPadding={8} aria-label={label}>
          {typeof children === "function" ? children(() => setOpen(false)) : children}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

interface ModalProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: string;
  closeLabel: string;
  wide?: boolean;
  children: ReactNode;
}

export function Modal({ open, onOpenChange, title, description, closeLabel, wide = false, children }: ModalProps): ReactNode {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="pm-overlay" />
        <Dialog.Content className="pm-modal" data-wide={wide} {...(description === undefined ? { "aria-describedby": undefined } : {})}>
          <header>
            <Dialog.Title>{title}</Dialog.Title>
            <Dialog.Close asChild>
              <button type="button" className="pm-icon-button" aria-label={closeLabel}>
                <X size={16} />
              </button>
            </Dialog.Close>
          </header>
          {description !== undefined && <Dialog.Description>{description}</Dialog.Description>}
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
